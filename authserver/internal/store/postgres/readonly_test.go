package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestO4ReadOnlyConnections: connections that were good for reads alone are given
// up, and the call that finds out goes well on another one.
func TestO4ReadOnlyConnections(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	s := open(t, url+"&pool_max_conns=1")
	pgtest.Exec(t, url, `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	pid := func() (pid int) {
		t.Helper()
		if err := s.pool.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	for name, write := range map[string]func() error{
		"a transaction": func() error {
			return s.Tx(t.Context(), func(tx store.Tx) error { _, err := tx.LockUser("u"); return err })
		},
		"readiness": func() error { return s.Ready(t.Context()) },
	} {
		if _, err := s.pool.Exec(t.Context(), `SET default_transaction_read_only = on`); err != nil { // as a standby that was promoted elsewhere
			t.Fatal(err)
		}
		standby := pid()
		err := write()
		if name == "readiness" && err == nil {
			t.Error("ready on a connection that cannot write")
		}
		if err := write(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if pid() == standby {
			t.Errorf("%s: the connection is kept", name)
		}
	}
}

func TestO4SeveralHosts(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://u@a/db":                                       false,
		"postgres://u@a/db?sslmode=prefer":                        false,
		"postgres://u@a,b/db":                                     true,
		"postgres://u@a:1,a:2/db":                                 true,
		"postgres://u@a,b/db?target_session_attrs=prefer-standby": true,
	} {
		config, err := poolConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := config.ConnConfig.ValidateConnect != nil; got != want {
			t.Errorf("%s: a connection is checked: %v", url, got)
		}
	}
	if usable(nil, &pgconn.PgError{Severity: "ERROR", Code: readOnlyTransaction}) || usable(nil, &pgconn.PgError{Severity: "FATAL"}) ||
		!usable(nil, &pgconn.PgError{Severity: "ERROR", Code: "23505"}) {
		t.Error("which errors end a connection")
	}
}

// TestO6Encoding: text is UTF-8 whatever the database has as a default, and a
// database that keeps it otherwise is refused.
func TestO6Encoding(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	pgtest.Exec(t, server.URL(), `ALTER DATABASE postgres SET client_encoding = 'LATIN1'`)
	s := open(t, server.URL())
	const email = "łuk@example.com"
	user := store.User{ID: "u", Email: email, Name: "Łukasz", Role: "user", Tier: "public", CreatedAt: time.Now(), UpdatedAt: time.Now()}
	if err := s.Tx(t.Context(), func(tx store.Tx) error { return tx.AddUser(user) }); err != nil {
		t.Fatal(err)
	}
	var octets int
	if err := s.pool.QueryRow(t.Context(), `SELECT octet_length(email) FROM auth.users`).Scan(&octets); err != nil || octets != len(email) {
		t.Errorf("%d octets, %v", octets, err)
	}
	pgtest.Exec(t, server.URL(), `CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
	at := strings.Replace(server.URL(), "/postgres?", "/latin?", 1)
	if _, err := Open(t.Context(), at); err == nil || !strings.Contains(err.Error(), "UTF8") || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("%s: %v", at, err)
	}
}
