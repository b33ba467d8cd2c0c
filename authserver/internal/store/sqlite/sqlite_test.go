package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// TestStore: the suite passes, and what it makes the store send finds its rows by
// an index.
func TestStore(t *testing.T) {
	t.Parallel()
	var sent sentStatements
	if !t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return sent.open(t) })
	}) {
		return
	}
	sent.checkPlans(t)
}

func TestSealedOnce(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	storetest.SealedOnce(t, s, func() (n int, err error) {
		err = s.read.QueryRowContext(t.Context(), `SELECT count(sealed_successor) FROM refresh_tokens`).Scan(&n)
		return n, err
	})
}

func TestOpenCreatesThePrivateFile(t *testing.T) {
	t.Parallel()
	// Characters that a URI would take for its own.
	path := filepath.Join(t.TempDir(), "odd ?name#100%.db")
	s := open(t, path)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", path+suffix, mode)
		}
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for pool, db := range map[string]*sql.DB{"write": s.write, "read": s.read} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
		} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s pool: %s is %s, want %s", pool, pragma, got, want)
			}
		}
	}
	if _, err := s.read.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("the read pool can write")
	}
}

// TestOneUnspentToken: the schema itself refuses a second live refresh token
// of a session.
func TestOneUnspentToken(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	for _, statement := range []string{
		`INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('u', 'n', 'e', 1, 1)`,
		`INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at, last_activity_at) VALUES ('s', 'u', 9, 1, 1, 1)`,
		`INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (zeroblob(32), 's', 1)`,
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.write.ExecContext(t.Context(), `INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (randomblob(32), 's', 1)`)
	if err == nil {
		t.Error("a session has two unspent refresh tokens")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		{"a file that is no database", func(t *testing.T, path string) {
			write(t, path, []byte(strings.Repeat("not a database. ", 512)))
		}, "damaged or not a SQLite database"},
		{"a damaged schema", func(t *testing.T, path string) {
			create(t, path)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(content[100:4096], strings.Repeat("\xff", 4096))
			write(t, path, content)
		}, "damaged or not a SQLite database"},
		{"a schema from the future", func(t *testing.T, path string) {
			create(t, path)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(`INSERT INTO manacore_migrations (name, applied_at) VALUES ('99999_future.sql', 1)`); err != nil {
				t.Fatal(err)
			}
		}, "from a newer program: this one does not know 99999_future.sql"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a folder"},
		{"the database of another program", func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(`CREATE TABLE users (name TEXT)`); err != nil {
				t.Fatal(err)
			}
		}, "tables of another program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			test.prepare(t, path)
			before := content(t, path)
			s, err := Open(t.Context(), path)
			if err == nil {
				_ = s.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), filepath.Base(path)) {
				t.Errorf("error %q does not say %q and name the file", err, test.want)
			}
			if diff := cmp.Diff(before, content(t, path)); diff != "" {
				t.Error("the file was changed")
			}
		})
	}
}

// create makes a database and closes it.
func create(t *testing.T, path string) {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// content is the file's content, empty for a directory.
func content(t *testing.T, path string) []byte {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
