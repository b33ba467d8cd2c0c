package postgres

import (
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// as is the URL of a database for another role.
func as(t *testing.T, database string, role *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = role
	return u.String()
}

// O8: what a role lacks is said before anything is written, by Open and by
// Pending alike, which check and migrate --dry-run call. With the statements that
// the error names the role gets on.
func TestO8Rights(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skip("it takes a superuser that needs no password")
	}
	for _, test := range []struct {
		name     string
		database func(*testing.T) string
		grant    string // to role, on database
		migrated bool   // by the owner of the database
		want     []string
	}{
		{"no right", func(t *testing.T) string { return pgtest.New(t) }, "", false,
			[]string{`GRANT CREATE ON DATABASE "%d" TO "%r"; GRANT CREATE ON SCHEMA public TO "%r";`}},
		{"every right on the database alone", func(t *testing.T) string { return pgtest.New(t) },
			"GRANT ALL ON DATABASE %d TO %r", false, []string{`GRANT CREATE ON SCHEMA public TO "%r";`}},
		{"the existing service's tables", func(t *testing.T) string { return pgtest.Existing(t) },
			"GRANT ALL ON DATABASE %d TO %r", false, []string{`GRANT USAGE ON SCHEMA auth TO "%r";`, `GRANT "mana" TO "%r";`}},
		{"tables that somebody else migrated", func(t *testing.T) string { return pgtest.New(t) },
			"GRANT ALL ON DATABASE %d TO %r", true, []string{`GRANT USAGE ON SCHEMA auth TO "%r";`,
				`GRANT SELECT ON auth.manacore_migrations TO "%r"`, `GRANT SELECT, INSERT, UPDATE, DELETE ON auth.users TO "%r"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			owner := test.database(t)
			u, err := url.Parse(owner)
			if err != nil {
				t.Fatal(err)
			}
			database := strings.TrimPrefix(u.Path, "/")
			role := "role_of_" + database
			named := strings.NewReplacer("%d", database, "%r", role).Replace
			superuser := as(t, owner, url.User("postgres"))
			pgtest.Exec(t, superuser, named("CREATE ROLE %r LOGIN PASSWORD 'pgtest-password'"))
			if test.grant != "" {
				pgtest.Exec(t, superuser, named(test.grant))
			}
			if test.migrated {
				open(t, owner)
			}
			mine := as(t, owner, url.UserPassword(role, "pgtest-password"))
			before := dump(t, superuser)
			for round := 0; ; round++ {
				s, err := Open(t.Context(), mine)
				if err == nil {
					if round == 0 {
						t.Error("it needed nothing")
					}
					if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
						t.Error(err)
					}
					return
				}
				if !errors.Is(err, errLacking) {
					t.Fatal(err)
				}
				if _, pending := Pending(t.Context(), mine); pending == nil || pending.Error() != err.Error() {
					t.Errorf("Pending says %v, and Open %v", pending, err)
				}
				if diff := cmp.Diff(before, dump(t, superuser)); diff != "" {
					t.Fatalf("the database was changed:\n%s", diff)
				}
				want := named(test.want[min(round, len(test.want)-1)])
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %s", err, want)
				}
				if round == 10 {
					t.Fatalf("it never has enough: %v", err)
				}
				_, advice, _ := strings.Cut(err.Error(), errLacking.Error()+": ")
				pgtest.Exec(t, superuser, advice)
			}
		})
	}
}

// O8: a table that has the name of one that the service needs, and another form,
// is named before anything is written.
func TestO8ForeignTables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ make, want string }{
		"column that is missing":    {`CREATE TABLE auth.users (id text PRIMARY KEY, name text)`, "auth.users has no column email,"},
		"column of another type":    {`CREATE TABLE auth.accounts (id uuid PRIMARY KEY)`, "auth.accounts.id is of type uuid and not text,"},
		"view":                      {`CREATE VIEW auth.sessions AS SELECT 1 AS id`, "auth.sessions is no table"},
		"table of ours, not by us":  {`CREATE TABLE auth.signing_keys (other text)`, "auth.signing_keys is there, and 00001_initial.sql, which makes it, did not run here"},
		"the record, without a row": {`CREATE TABLE auth.manacore_migrations (version integer)`, "auth.manacore_migrations is there, and 00000_record.sql, which makes it, did not run here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			pgtest.Exec(t, database, `CREATE SCHEMA auth; `+test.make)
			before := dump(t, database)
			s, err := Open(t.Context(), database)
			if err == nil {
				_ = s.Close()
				t.Fatal("Open succeeded")
			}
			if !errors.Is(err, errForeign) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if _, pending := Pending(t.Context(), database); pending == nil || pending.Error() != err.Error() {
				t.Errorf("Pending says %v, and Open %v", pending, err)
			}
			if diff := cmp.Diff(before, dump(t, database)); diff != "" {
				t.Errorf("the database was changed:\n%s", diff)
			}
		})
	}
}

// TestNamesInMigrations: what is read out of the statements of the migrations is
// what they make.
func TestNamesInMigrations(t *testing.T) {
	t.Parallel()
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, pgtest.New(t))
	tables, err := readTables(t.Context(), s.pool)
	if err != nil {
		t.Fatal(err)
	}
	made := append(namedIn(all, newTables), namedIn(all, keptTables)...)
	for name := range tables {
		if name != "manacore_schema" && !slices.Contains(made, name) {
			t.Errorf("no statement is found that makes auth.%s", name)
		}
	}
	for _, name := range append(namedIn(all, changed), namedIn(all, referred)...) {
		if _, there := tables[name]; !there {
			t.Errorf("auth.%s is changed and not there", name)
		}
	}
	initial := []migrate.Step{all[1]}
	if kept := namedIn(initial, keptTables); !slices.Equal(kept, []string{"users", "accounts", "sessions", "security_events"}) {
		t.Errorf("kept %v", kept)
	}
	if err := checkForms(t.Context(), s.pool, tables, []migrate.Step{{SQL: strings.Join(keptTables.FindAllString(initial[0].SQL, -1), "\n")}}); err != nil {
		t.Errorf("tables of our own making: %v", err)
	}
	if diff := cmp.Diff([]string{"user_role"}, namedIn(all, newType)); diff != "" {
		t.Error(diff)
	}
}
