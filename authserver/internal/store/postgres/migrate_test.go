package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// makeLock is what a process does before the first migration.
var makeLock = []string{`CREATE SCHEMA auth;`, `CREATE TABLE auth.manacore_schema (
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	version integer NOT NULL
);`, `INSERT INTO auth.manacore_schema (version) VALUES (0);`}

// run runs migrations on the database at url, without an entry in a record.
func run(t *testing.T, url string, names ...string) {
	t.Helper()
	for _, name := range names {
		statements, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, url, string(statements))
	}
}

// ofCommit0893ee0 is a database as the program of commit 0893ee0 left it.
func ofCommit0893ee0(t *testing.T) string {
	t.Helper()
	statements, err := os.ReadFile(filepath.Join("testdata", "0893ee0.sql"))
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	pgtest.Exec(t, url, string(statements))
	return url
}

// ofCommit0893ee0WithTiers is one that also has what the existing service has
// of tiers since 2026.
func ofCommit0893ee0WithTiers(t *testing.T) string {
	t.Helper()
	url := ofCommit0893ee0(t)
	pgtest.Exec(t, url, `CREATE TYPE auth.access_tier AS ENUM ('guest', 'public', 'beta', 'alpha', 'founder');
		ALTER TABLE auth.users ADD COLUMN access_tier auth.access_tier NOT NULL DEFAULT 'public';
		UPDATE auth.users SET access_tier = 'alpha' WHERE email = 'bob@example.com'`)
	return url
}

// ofCommit1262252Parent is one of the commit before 1262252, which had no 00002
// and no 00004 and counted to two.
func ofCommit1262252Parent(t *testing.T) string {
	t.Helper()
	url := pgtest.New(t)
	pgtest.Exec(t, url, strings.Join(makeLock, ""))
	run(t, url, "00001_initial.sql", "00003_revocation.sql")
	pgtest.Exec(t, url, `UPDATE auth.manacore_schema SET version = 2;
		INSERT INTO auth.users (id, name, email) VALUES ('ann', 'Ann', 'ann@example.com');
		INSERT INTO auth.signing_keys (id, public_key, private_key, created_at) VALUES ('key', 'public', 'private', 'epoch');`)
	return url
}

// withGap is one with a record of names in which 00002 and 00004 are missing.
func withGap(t *testing.T) string {
	t.Helper()
	url := ofCommit1262252Parent(t)
	run(t, url, migrate.Record)
	pgtest.Exec(t, url, `UPDATE auth.manacore_schema SET version = 2147483647;
		INSERT INTO auth.manacore_migrations (name) VALUES ('00000_record.sql'), ('00001_initial.sql'), ('00003_revocation.sql')`)
	return url
}

// counted are the migrations that ran on a database of commit 0893ee0.
var counted = []string{"00001_initial.sql", "00002_key_rotation.sql", "00003_revocation.sql", "00004_credits.sql"}

func TestUpgrade(t *testing.T) {
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	after := func(statements ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			url := pgtest.New(t)
			pgtest.Exec(t, url, strings.Join(statements, ""))
			return url
		}
	}
	storetest.Upgrade(t, storetest.Upgrades{
		Starts: []storetest.UpgradeStart{
			{Name: "empty", Make: after(), Hard: true},
			{Name: "with a schema", Make: after(makeLock[:1]...)},
			{Name: "with a lock table", Make: after(makeLock[:2]...)},
			{Name: "with a lock row", Make: after(makeLock...)},
			{Name: "of commit 0893ee0", Make: ofCommit0893ee0, Ran: counted, Hard: true},
			{Name: "of commit 0893ee0, with the tiers of 2026", Make: ofCommit0893ee0WithTiers, Ran: counted},
			{Name: "O28 of commit 1262252^", Make: ofCommit1262252Parent, Ran: []string{counted[0], counted[2]}, Hard: true},
			{Name: "O28 with a gap in the record", Make: withGap, Ran: []string{migrate.Record, counted[0], counted[2]}},
		},
		Steps:   all,
		Empty:   func(t *testing.T) string { return pgtest.New(t) },
		Open:    func(ctx context.Context, url string) (store.Store, error) { return Open(ctx, url) },
		Pending: Pending,
		Migrate: func(ctx context.Context, url string, wrap func(migrate.Database) migrate.Database) error {
			pool, err := connect(ctx, url)
			if err != nil {
				return err
			}
			defer pool.Close()
			return upgradeAs(ctx, pool, wrap(migrating{pool, whileOpening}))
		},
		Whole: func(t *testing.T, url string) string { return fmt.Sprint(shape(t, url), dump(t, url)) },
		Shape: shape,
		Record: func(t *testing.T, url string) []string {
			return lines(t, url, `SELECT name FROM auth.manacore_migrations WHERE applied_at > 'epoch' ORDER BY name`)
		},
		Columns: columnsOf,
		Rows:    data,
		Superseded: func(t *testing.T, url string) {
			if got := lines(t, url, `SELECT version::text FROM auth.manacore_schema`); !slices.Equal(got, []string{"2147483647"}) {
				t.Errorf("the lock row says %q, which an older program does not refuse", got)
			}
		},
	})
}

// lines is a query's rows of one text each.
func lines(t *testing.T, url, query string) []string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	rows, err := connection.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// shape is the schema auth: its columns, constraints, indexes and triggers.
func shape(t *testing.T, url string) []string {
	t.Helper()
	return lines(t, url, `
		SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE c.relnamespace = to_regnamespace('auth') AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL SELECT format('%s: %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
		FROM pg_constraint WHERE connamespace = to_regnamespace('auth')
		UNION ALL SELECT pg_get_indexdef(oid) FROM pg_class WHERE relnamespace = to_regnamespace('auth') AND relkind = 'i'
		UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE c.relnamespace = to_regnamespace('auth') AND NOT t.tgisinternal
		UNION ALL SELECT format('%s %s', relname, reloptions) FROM pg_class WHERE relnamespace = to_regnamespace('auth') AND relkind = 'r'
		ORDER BY 1`)
}

// columnsOf are those of every table of the schema auth, without the two records.
func columnsOf(t *testing.T, url string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range lines(t, url, `SELECT table_name || ' ' || string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_schema = 'auth' AND table_name NOT IN ('manacore_schema', 'manacore_migrations')
		GROUP BY table_name`) {
		table, columns, _ := strings.Cut(line, " ")
		found[table] = columns
	}
	return found
}

// data are the rows of every table with these columns.
func data(t *testing.T, url string, columns map[string]string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for table, names := range columns {
		rows[table] = lines(t, url, `SELECT ROW(`+names+`)::text FROM auth.`+table+` ORDER BY 1`)
	}
	return rows
}

// openOnce opens the database and closes it.
func openOnce(t *testing.T, url string) {
	t.Helper()
	s, err := Open(t.Context(), url)
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestUpgradedStore: the store finds what a program of commit 0893ee0 kept, and
// what 00002 makes of a key of before.
func TestUpgradedStore(t *testing.T) {
	t.Parallel()
	s := open(t, ofCommit0893ee0(t))
	keys, err := s.SigningKeys(t.Context())
	if err != nil || len(keys) != 1 || keys[0].SignsFrom.IsZero() {
		t.Errorf("keys %+v, %v", keys, err)
	}
	user, err := s.FindUser(t.Context(), "bob@example.com")
	if err != nil || user.DisabledAt.IsZero() {
		t.Errorf("user %+v, %v", user, err)
	}
	if user.Tier != "public" || user.EmailVerified {
		t.Errorf("of whom nothing is known: %+v", user)
	}
	user, err = open(t, ofCommit0893ee0WithTiers(t)).FindUser(t.Context(), "bob@example.com")
	if err != nil || user.Tier != "alpha" {
		t.Errorf("user %+v, %v, whose tier is alpha", user, err)
	}
	url := ofCommit0893ee0WithTiers(t)
	pgtest.Exec(t, url, `ALTER TABLE auth.users ALTER COLUMN access_tier DROP NOT NULL; UPDATE auth.users SET access_tier = NULL`)
	if user, err = open(t, url).FindUser(t.Context(), "bob@example.com"); err != nil || user.Tier != "public" {
		t.Errorf("user %+v, %v, whose tier is NULL", user, err)
	}
	keys, err = open(t, ofCommit1262252Parent(t)).SigningKeys(t.Context())
	if err != nil || len(keys) != 1 || !keys[0].SignsFrom.Equal(keys[0].CreatedAt) {
		t.Errorf("keys %+v, %v", keys, err)
	}
}

// TestUpgradeRefused: what is not understood is left as it is.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change string // of an up-to-date database
		old    string // or of one of commit 0893ee0
		newer  []string
		want   string
	}{
		{name: "newer", change: `INSERT INTO auth.manacore_migrations (name) VALUES ('00099_mail.sql'), ('00098_orgs.sql')`,
			newer: []string{"00098_orgs.sql", "00099_mail.sql"}, want: "does not know 00098_orgs.sql, 00099_mail.sql"},
		{name: "newer, by number", old: `UPDATE auth.manacore_schema SET version = 5`, newer: []string{"version 5"}, want: "does not know version 5"},
		{name: "the record is lost", change: `DROP TABLE auth.manacore_migrations`, want: "manacore_migrations is missing"},
		{name: "the record is another program's", change: `DROP TABLE auth.manacore_migrations; CREATE TABLE auth.manacore_migrations (id integer)`,
			want: "manacore_migrations"},
		{name: "the record is empty", change: `DELETE FROM auth.manacore_migrations`, want: "00000_record.sql"},
		{name: "the record lost a name", change: `DELETE FROM auth.manacore_migrations WHERE name = '00003_revocation.sql'`, want: "00003_revocation.sql"},
		{name: "a number too low", old: `UPDATE auth.manacore_schema SET version = 3`, want: "says that 3 migrations ran"},
		{name: "a negative number", old: `UPDATE auth.manacore_schema SET version = -1`, want: "says that -1 migrations ran"},
		{name: "a number too high", old: `ALTER TABLE auth.signing_keys DROP COLUMN signs_from`, want: "says that 4 migrations ran"},
		{name: "an unfinished ledger", old: `ALTER TABLE auth.credit_transactions DROP COLUMN key_hash CASCADE`, want: "before commit e842e62"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var url string
			if test.old != "" {
				url = ofCommit0893ee0(t)
				pgtest.Exec(t, url, test.old)
			} else {
				url = pgtest.New(t)
				openOnce(t, url)
				pgtest.Exec(t, url, test.change)
			}
			schema, before := shape(t, url), dump(t, url)
			for range 2 {
				s, err := Open(t.Context(), url)
				if err == nil {
					_ = s.Close()
					t.Fatal("Open succeeded")
				}
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %q, want %q in it", err, test.want)
				}
				var newer *store.NewerSchema
				if errors.As(err, &newer) != (test.newer != nil) || newer != nil && !slices.Equal(newer.Names, test.newer) {
					t.Errorf("error %#v, want newer %q", err, test.newer)
				}
			}
			if diff := cmp.Diff(schema, shape(t, url)); diff != "" {
				t.Errorf("schema (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(before, dump(t, url)); diff != "" {
				t.Errorf("rows (-before +after):\n%s", diff)
			}
		})
	}
}

// TestLockRowIsMadeAgain: without its row no change of keys would wait for
// another.
func TestLockRowIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{`DELETE FROM auth.manacore_schema`, `DROP TABLE auth.manacore_schema`} {
		url := pgtest.New(t)
		openOnce(t, url)
		pgtest.Exec(t, url, lost)
		if pending, err := Pending(t.Context(), url); err != nil || len(pending) != 0 {
			t.Errorf("%s: pending %q, %v", lost, pending, err)
		}
		openOnce(t, url)
		if rows := lines(t, url, `SELECT version::text FROM auth.manacore_schema`); !slices.Equal(rows, []string{"2147483647"}) {
			t.Errorf("%s: rows %q", lost, rows)
		}
	}
}

// TestMigrationLimits: each migration is a transaction whose waiting has limits,
// and that leaves the connection as it was.
func TestMigrationLimits(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t)+"&pool_max_conns=1")
	limits := func(from querier) map[string]string {
		t.Helper()
		got := map[string]string{"lock_timeout": "", "statement_timeout": "", "idle_in_transaction_session_timeout": "", "transaction_isolation": ""}
		for _, name := range slices.Collect(maps.Keys(got)) {
			var value string
			if err := from.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value); err != nil {
				t.Fatal(err)
			}
			got[name] = value
		}
		return got
	}
	before := limits(s.pool)
	for range 2 {
		err := migrating{s.pool, whileOpening}.InTx(t.Context(), func(tx migrate.Tx) error {
			want := map[string]string{"lock_timeout": "10s", "statement_timeout": "0", "idle_in_transaction_session_timeout": "10s", "transaction_isolation": "read committed"}
			if diff := cmp.Diff(want, limits(tx.(migration).tx)); diff != "" {
				t.Errorf("within a migration (-want +got):\n%s", diff)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, limits(s.pool)); diff != "" {
			t.Errorf("after a migration (-before +after):\n%s", diff)
		}
	}
}

// TestLongMigration: a migration has as much time as it needs, and only what a
// process waits for has a limit.
func TestLongMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	pool, err := connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var over []context.CancelFunc
	limited := migrating{pool, func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		over = append(over, cancel)
		return ctx, func() {} // the time is over when a migration begins, see long
	}}
	if err := upgradeAs(t.Context(), pool, long{limited, func() {
		for _, cancel := range over {
			cancel()
		}
	}}); err != nil {
		t.Error(err)
	}
	all, err := steps()
	if err != nil || len(over) != len(all)+1 {
		t.Errorf("%d transactions for %d migrations, %v", len(over), len(all), err)
	}
	if pending, err := Pending(t.Context(), url); err != nil || len(pending) > 0 {
		t.Errorf("pending %q, %v", pending, err)
	}
}

// long is a database with migrations that take longer than anybody waits.
type long struct {
	migrate.Database
	begins func()
}

func (l long) InTx(ctx context.Context, f func(migrate.Tx) error) error {
	return l.Database.InTx(ctx, func(tx migrate.Tx) error { return f(longTx{tx, l.begins}) })
}

type longTx struct {
	migrate.Tx
	begins func()
}

func (l longTx) Exec(ctx context.Context, statements string) error {
	l.begins()
	return l.Tx.Exec(ctx, statements)
}

// TestMigrationWaits: whoever has waited for another's migration for too long
// says what it waited for.
func TestMigrationWaits(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	holder, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(t.Context()) }() // after the end it does nothing
	if _, err := holder.Exec(t.Context(), `SELECT 1 FROM auth.manacore_schema FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	limit, end := context.WithCancel(t.Context())
	defer end()
	db := migrating{s.pool, func(context.Context) (context.Context, context.CancelFunc) { return limit, func() {} }}
	waited := make(chan error, 1)
	go func() {
		waited <- db.InTx(t.Context(), func(migrate.Tx) error { return errors.New("a migration runs beside another") })
	}()
	waitForWaiter(t, s)
	end()
	if err := <-waited; !errors.Is(err, errMigrating) || !strings.Contains(err.Error(), "start again") {
		t.Errorf("%v", err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (migrating{s.pool, whileOpening}).InTx(t.Context(), func(migrate.Tx) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
