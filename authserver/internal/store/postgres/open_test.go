package postgres

import (
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestOpenTogether: replicas that start at once on one database, empty or
// not, share its schema.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(*testing.T) string{
		"empty":    func(t *testing.T) string { return pgtest.New(t) },
		"existing": func(t *testing.T) string { return pgtest.Existing(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			var (
				all    sync.WaitGroup
				stores [20]*Store
				errs   [20]error
			)
			for i := range stores {
				all.Go(func() { stores[i], errs[i] = Open(t.Context(), url) })
			}
			all.Wait()
			for i, s := range stores {
				if errs[i] != nil {
					t.Errorf("Open: %v", errs[i])
					continue
				}
				if err := s.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// columns lists table, column, type, nullability and default of the tables of
// the existing service that the store uses.
func columns(t *testing.T, s *Store) []string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `SELECT table_name || ' ' || column_name || ' ' || udt_schema || '.' || udt_name
			|| ' ' || is_nullable || ' ' || coalesce(column_default, '')
		FROM information_schema.columns WHERE table_schema = 'auth'
			AND table_name IN ('users', 'accounts', 'sessions', 'security_events') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// constraints lists the constraints of the same tables.
func constraints(t *testing.T, s *Store) []string {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
		FROM pg_constraint WHERE conrelid IN ('auth.users'::regclass, 'auth.accounts'::regclass,
			'auth.sessions'::regclass, 'auth.security_events'::regclass) AND contype <> 'n' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSchemaIsTheExistingOne: what an empty database gets is what the existing
// service has, so that one set of statements serves both.
func TestSchemaIsTheExistingOne(t *testing.T) {
	t.Parallel()
	made, existing := open(t, pgtest.New(t)), open(t, pgtest.Existing(t))
	if diff := cmp.Diff(columns(t, existing), columns(t, made)); diff != "" {
		t.Errorf("columns (-existing +made):\n%s", diff)
	}
	if diff := cmp.Diff(constraints(t, existing), constraints(t, made)); diff != "" {
		t.Errorf("constraints (-existing +made):\n%s", diff)
	}
}

// dump is every table's rows, and the names and types of its columns.
func dump(t *testing.T, url string) map[string]string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	rows, err := connection.Query(t.Context(), `SELECT table_schema || '.' || table_name FROM information_schema.tables
		WHERE table_schema IN ('auth', 'credits')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, table := range tables {
		var shape, content string
		if err := connection.QueryRow(t.Context(), `SELECT string_agg(column_name || ' ' || udt_name || ' ' || is_nullable, ',' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_schema || '.' || table_name = $1`, table).Scan(&shape); err != nil {
			t.Fatal(err)
		}
		if err := connection.QueryRow(t.Context(), `SELECT coalesce(string_agg(x::text, E'\n' ORDER BY x::text), '') FROM `+table+` x`).Scan(&content); err != nil {
			t.Fatal(err)
		}
		contents[table] = shape + "\n" + content
	}
	return contents
}

// TestMigrationsOnlyAdd: no row and no column of the existing service changes,
// but for columns of ours that need no value.
func TestMigrationsOnlyAdd(t *testing.T) {
	t.Parallel()
	url := pgtest.Existing(t)
	before := dump(t, url)
	open(t, url)
	pgtest.Exec(t, url, `ALTER TABLE auth.users DROP COLUMN disabled_at, DROP COLUMN access_tier, DROP COLUMN session_epoch, DROP COLUMN sessions_ended_at;
		ALTER TABLE auth.sessions DROP COLUMN epoch`)
	after := dump(t, url)
	for _, ours := range []string{"auth.manacore_schema", "auth.manacore_migrations", "auth.refresh_tokens", "auth.signing_keys", "auth.session_revocations",
		"auth.session_endings", "auth.readiness", "auth.password_failures", "auth.known_devices",
		"auth.service_keys", "auth.credit_accounts", "auth.credit_transactions", "auth.credit_reservations", "auth.credit_usage"} {
		if _, ok := after[ours]; !ok {
			t.Errorf("%s is missing", ours)
		}
		delete(after, ours)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("tables (-before +after):\n%s", diff)
	}
}

// TestOpenRefuses: a clear error, without the password.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	good, err := url.Parse(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(u *url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	for _, test := range []struct{ name, url, want string }{
		{"another scheme", "mysql://user:" + secret + "@db/mana", "does not begin with postgres://"},
		{"keywords and values", "host=db password=" + secret, "does not begin with postgres://"},
		{"a slash in the password", "postgres://user:" + secret[:4] + "/" + secret[4:] + "@db/mana", ""},
		{"a number and a slash in the password", "postgres://user:1234/" + secret + "@db/mana", "malformed"},
		{"an at sign and a slash in the password", "postgres://user:a@" + secret[:4] + "/" + secret[4:] + "@db/mana", "malformed"},
		{"an at sign and a question mark in the password", "postgres://user:a@" + secret[:4] + "?" + secret[4:] + "@db/mana", "malformed"},
		{"a number and a hash sign in the password", "postgres://user:1234#" + secret + "@127.0.0.1:1/mana?sslmode=disable", "connection refused"},
		{"a hash sign in the password", "postgres://user:" + secret + "#1@127.0.0.1:1/mana?sslmode=perhaps", "malformed"},
		{"a percent sign in the password", "postgres://user:" + secret + "%zz@db/mana", "malformed"},
		{"a port that is none", "postgres://user:" + secret + "@db:port/mana", ""},
		{"an unknown sslmode", "postgres://user:" + secret + "@db/mana?sslmode=perhaps", "sslmode"},
		{"the password as a parameter", "postgres://db/mana?sslmode=perhaps&password=" + secret, "sslmode"},
		{"nobody there", "postgres://user:" + secret + "@127.0.0.1:1/mana?sslmode=disable", "connection refused"},
		{"wrong password", with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }), "password authentication failed"},
		{"no such database", with(func(u *url.URL) { u.Path = "/nowhere" }), `database "nowhere" does not exist`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == "wrong password" && os.Getenv("TEST_DATABASE_URL") != "" {
				t.Skip("the server named may trust everybody")
			}
			s, err := Open(t.Context(), test.url)
			if err == nil {
				_ = s.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.HasPrefix(err.Error(), "postgres: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if place := Place(test.url); strings.Contains(place, secret[:4]) {
				t.Errorf("the password is in %q", place)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), secret[:4]) || strings.Contains(err.Error(), secret[4:]) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

// TestSchemaFromTheFuture is refused and left as it is.
func TestSchemaFromTheFuture(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	open(t, url)
	pgtest.Exec(t, url, "INSERT INTO auth.manacore_migrations (name) VALUES ('99999_future.sql')")
	before := dump(t, url)
	s, err := Open(t.Context(), url)
	if err == nil {
		_ = s.Close()
		t.Fatal("Open succeeded")
	}
	if !strings.Contains(err.Error(), "from a newer program: this one does not know 99999_future.sql") {
		t.Errorf("error %q", err)
	}
	if diff := cmp.Diff(before, dump(t, url)); diff != "" {
		t.Errorf("the database was changed:\n%s", diff)
	}
}

// TestFailedMigration leaves the existing tables without a trace of it: here
// one of our names is taken.
func TestFailedMigration(t *testing.T) {
	t.Parallel()
	url := pgtest.Existing(t)
	pgtest.Exec(t, url, "CREATE TABLE auth.signing_keys (other text)")
	for range 2 {
		if s, err := Open(t.Context(), url); err == nil {
			_ = s.Close()
			t.Fatal("Open succeeded")
		} else if !strings.Contains(err.Error(), "signing_keys") {
			t.Errorf("error %q", err)
		}
	}
	if _, ok := dump(t, url)["auth.refresh_tokens"]; ok {
		t.Error("half a migration was kept")
	}
}

// TestSessionTokenColumn: the columns in which the existing service kept
// tokens hold nothing that a client ever saw.
func TestSessionTokenColumn(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	for _, id := range []string{"one", "two"} {
		addSession(t, s, "u", id)
	}
	var good int
	err := s.pool.QueryRow(t.Context(), `SELECT count(DISTINCT token) FROM auth.sessions
		WHERE token ~ '^mana:[0-9a-f-]{36}$' AND refresh_token IS NULL AND refresh_token_expires_at IS NULL`).Scan(&good)
	if err != nil || good != 2 {
		t.Errorf("%d of 2 sessions, %v", good, err)
	}
}

// TestOneUnspentToken: the schema itself refuses a second live refresh token
// of a session.
func TestOneUnspentToken(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	addSession(t, s, "u", "one")
	_, err := s.pool.Exec(t.Context(), `INSERT INTO auth.refresh_tokens (hash, session_id, created_at) VALUES (decode(repeat('00', 32), 'hex'), 'one', now())`)
	if !violates(err, "refresh_tokens_unspent_idx") {
		t.Errorf("a second unspent refresh token: %v", err)
	}
}

// TestHangingChange: a server that is suspended in a transaction keeps nobody
// else waiting, and leaves the connection as it was.
func TestHangingChange(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t)+"&pool_max_conns=1")
	limit := func() (text string) {
		t.Helper()
		if err := s.pool.QueryRow(t.Context(), `SELECT current_setting('idle_in_transaction_session_timeout')`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	before, within := limit(), ""
	if err := s.Tx(t.Context(), func(begun store.Tx) error {
		return begun.(*tx).find([]any{&within}, `SELECT current_setting('idle_in_transaction_session_timeout')`)
	}); err != nil {
		t.Fatal(err)
	}
	if after := limit(); within != "5s" || after != before {
		t.Errorf("limit %s within a change, before %s, after %s", within, before, after)
	}
}

// keptAfterUse is how many prepared statements and advisory locks a connection has
// on which queries were run.
func keptAfterUse(t *testing.T, url string) (statements, locks int) {
	t.Helper()
	s := open(t, url+"&pool_max_conns=1")
	for range 3 {
		if _, err := s.SigningKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SecurityEvents(t.Context(), "u", 1); err != nil {
			t.Fatal(err)
		}
	}
	err := s.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name <> ''),
		(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).
		Scan(&statements, &locks)
	if err != nil || s.pool.Stat().MaxConns() != 1 {
		t.Fatalf("%d connections, %v", s.pool.Stat().MaxConns(), err)
	}
	return statements, locks
}
