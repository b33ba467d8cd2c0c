package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
)

// errLacking: the role of DATABASE_URL may not do what it has to.
var errLacking = errors.New("the role of DATABASE_URL lacks rights, and nothing was changed; a superuser or the owner gives them")

// errForeign: a table has the name of one of ours and is another program's, or the
// record of what ran was changed.
var errForeign = errors.New("the schema auth is not as this program would have it, and nothing was changed; rename what is another program's, restore a backup, or name another database")

// inspect looks at what a database has and what is still to be done, and whether
// the role may do it. It changes nothing. A migration that fails halfway for want
// of a right would leave the schema and the lock row behind.
func inspect(ctx context.Context, db querier, all []migrate.Step) (f found, pending []migrate.Step, err error) {
	if err := enterable(ctx, db); err != nil {
		return found{}, nil, err
	}
	tables, err := readTables(ctx, db)
	if err != nil {
		return found{}, nil, err
	}
	for _, record := range []string{"manacore_schema", "manacore_migrations"} {
		if t, there := tables[record]; there && !t.read {
			return found{}, nil, lacking(workGrants(tables, all)...)
		}
	}
	if f, err = look(ctx, db); err != nil {
		return found{}, nil, err
	}
	if pending, err = migrate.Pending(all, f.applied); err != nil {
		return found{}, nil, err
	}
	return f, pending, survey(ctx, db, tables, all, pending)
}

// enterable checks that the role may look into the schema auth, where there is one.
func enterable(ctx context.Context, db querier) error {
	var may bool
	var role string
	err := db.QueryRow(ctx, `SELECT coalesce(has_schema_privilege(to_regnamespace('auth')::oid, 'USAGE'), true), current_user`).Scan(&may, &role)
	if err != nil || may {
		return err
	}
	return lacking("GRANT USAGE ON SCHEMA auth TO " + quoted(role))
}

// survey checks that the role may run the pending migrations and work with the
// tables of all, and that no table is in the way.
func survey(ctx context.Context, db querier, tables map[string]table, all, pending []migrate.Step) error {
	if err := checkForms(ctx, db, tables, pending); err != nil {
		return err
	}
	var grants []string
	if len(pending) > 0 {
		var err error
		if grants, err = schemaGrants(ctx, db, pending); err != nil {
			return err
		}
	}
	owners := ownerGrants(tables, pending)
	grants = append(grants, owners...)
	if len(owners) == 0 { // an owner has the rest
		grants = append(grants, workGrants(tables, all)...)
	}
	if len(grants) > 0 {
		return lacking(grants...)
	}
	return nil
}

func lacking(grants ...string) error {
	slices.Sort(grants)
	return fmt.Errorf("%w: %s;", errLacking, strings.Join(slices.Compact(grants), "; "))
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// The names in the statements of migrations. They are our own, and of one form.
var (
	newTables  = regexp.MustCompile(`(?m)^CREATE TABLE auth\.(\w+)`)
	keptTables = regexp.MustCompile(`(?ms)^CREATE TABLE IF NOT EXISTS auth\.(\w+) \(\n(.*?)^\);`)
	columnForm = regexp.MustCompile(`(?m)^    (\w+)\s+(?:public\.)?(\w+)`)
	changed    = regexp.MustCompile(`(?m)^(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX .* ON|CREATE TRIGGER .* ON) auth\.(\w+)`)
	referred   = regexp.MustCompile(`REFERENCES auth\.(\w+)`)
	newType    = regexp.MustCompile(`CREATE TYPE public\.(\w+)`)
)

// namedIn lists what the statements of steps name in a place.
func namedIn(steps []migrate.Step, place *regexp.Regexp) (names []string) {
	for _, step := range steps {
		for _, match := range place.FindAllStringSubmatch(step.SQL, -1) {
			names = append(names, match[1])
		}
	}
	return names
}

// table is a table, or what has the name of one, in the schema auth.
type table struct {
	name         string
	real         bool // and no view, for example
	owned        bool
	owner, role  string
	read, insert bool
	write        bool // update and delete too
	refer        bool
}

func readTables(ctx context.Context, db querier) (map[string]table, error) {
	rows, err := db.Query(ctx, `SELECT c.relname, c.relkind IN ('r', 'p'), pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner), current_user,
			has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'),
			has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'), has_table_privilege(c.oid, 'REFERENCES')
		FROM pg_class c WHERE c.relnamespace = to_regnamespace('auth') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`)
	if err != nil {
		return nil, err
	}
	tables := map[string]table{}
	var t table
	_, err = pgx.ForEachRow(rows, []any{&t.name, &t.real, &t.owned, &t.owner, &t.role, &t.read, &t.insert, &t.write, &t.refer}, func() error {
		tables[t.name] = t
		return nil
	})
	return tables, err
}

// checkForms checks that the tables that the pending migrations make are not there
// yet, and that those which they leave as they are have the columns that they
// would have made.
func checkForms(ctx context.Context, db querier, tables map[string]table, pending []migrate.Step) error {
	var wrong []string
	for _, step := range pending {
		for _, name := range namedIn([]migrate.Step{step}, newTables) {
			if _, there := tables[name]; there {
				wrong = append(wrong, fmt.Sprintf("auth.%s is there, and %s, which makes it, did not run here", name, step.Name))
			}
		}
		for _, match := range keptTables.FindAllStringSubmatch(step.SQL, -1) {
			name := match[1]
			there, found := tables[name]
			if !found {
				continue
			}
			if !there.real {
				wrong = append(wrong, "auth."+name+" is no table")
				continue
			}
			problems, err := columnProblems(ctx, db, name, columnForm.FindAllStringSubmatch(match[2], -1))
			if err != nil {
				return err
			}
			wrong = append(wrong, problems...)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errForeign, strings.Join(wrong, ", "))
	}
	return nil
}

// columnProblems says which columns a table lacks or has in another type.
func columnProblems(ctx context.Context, db querier, name string, want [][]string) (problems []string, err error) {
	rows, err := db.Query(ctx, `SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = to_regnamespace('auth') AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped`, name)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	var column, kind string
	if _, err := pgx.ForEachRow(rows, []any{&column, &kind}, func() error { types[column] = kind; return nil }); err != nil {
		return nil, err
	}
	for _, w := range want {
		column, kind := w[1], w[2]
		if kind == "boolean" {
			kind = "bool" // as pg_type has it
		}
		switch is, there := types[column]; {
		case !there:
			problems = append(problems, fmt.Sprintf("auth.%s has no column %s", name, column))
		case is != kind:
			problems = append(problems, fmt.Sprintf("auth.%s.%s is of type %s and not %s", name, column, is, kind))
		}
	}
	return problems, nil
}

// schemaGrants are the rights that the role lacks to make the schema auth, or
// something in it, and the types in public.
func schemaGrants(ctx context.Context, db querier, pending []migrate.Step) (grants []string, err error) {
	var (
		role, database       string
		there, inside, makes bool
		missing, public      bool
	)
	err = db.QueryRow(ctx, `SELECT current_user, current_database(), to_regnamespace('auth') IS NOT NULL,
			coalesce(has_schema_privilege(to_regnamespace('auth')::oid, 'CREATE'), true), has_database_privilege(current_database(), 'CREATE'),
			EXISTS (SELECT FROM unnest($1::text[]) AS n (name) WHERE NOT EXISTS (
				SELECT FROM pg_type t WHERE t.typname = n.name AND t.typnamespace = to_regnamespace('public'))),
			coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'CREATE'), false)`, namedIn(pending, newType)).
		Scan(&role, &database, &there, &inside, &makes, &missing, &public)
	if err != nil {
		return nil, err
	}
	if there && !inside {
		grants = append(grants, "GRANT CREATE ON SCHEMA auth TO "+quoted(role))
	}
	if !there && !makes {
		grants = append(grants, "GRANT CREATE ON DATABASE "+quoted(database)+" TO "+quoted(role))
	}
	if missing && !public {
		grants = append(grants, "GRANT CREATE ON SCHEMA public TO "+quoted(role))
	}
	return grants, nil
}

// ownerGrants are the rights that the role lacks to change the tables that the
// pending migrations change, which only an owner may.
func ownerGrants(tables map[string]table, pending []migrate.Step) (grants []string) {
	for _, name := range namedIn(pending, changed) {
		if t, there := tables[name]; there && !t.owned {
			grants = append(grants, "GRANT "+quoted(t.owner)+" TO "+quoted(t.role))
		}
	}
	for _, name := range namedIn(pending, referred) {
		if t, there := tables[name]; there && !t.refer && !t.owned {
			grants = append(grants, "GRANT REFERENCES ON auth."+name+" TO "+quoted(t.role))
		}
	}
	return grants
}

// workGrants are the rights that the role lacks to read and write the rows of the
// tables that are there. Transactions of the ledger are only added, and the record
// of migrations is only read.
func workGrants(tables map[string]table, all []migrate.Step) (grants []string) {
	for _, name := range slices.Concat([]string{"manacore_schema"}, namedIn(all, newTables), namedIn(all, keptTables)) {
		t, there := tables[name]
		if !there {
			continue
		}
		rights, ok := "SELECT, INSERT, UPDATE, DELETE", t.read && t.insert && t.write
		switch name {
		case "manacore_migrations":
			rights, ok = "SELECT", t.read
		case "credit_transactions":
			rights, ok = "SELECT, INSERT", t.read && t.insert
		}
		if !ok {
			grants = append(grants, "GRANT "+rights+" ON auth."+name+" TO "+quoted(t.role))
		}
	}
	return grants
}
