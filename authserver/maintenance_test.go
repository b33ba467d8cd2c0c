package authserver

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// contents are the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range directory(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	return files
}

// TestCheck: what is wrong is found, said with what to do, and left as it is.
func TestCheck(t *testing.T) {
	t.Parallel()
	execute := func(t *testing.T, path, statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		none   bool // no database is made first
		change func(t *testing.T, c *Config)
		want   string // the parts that are good
		failed string // the part that is not
		says   string
	}{
		{name: "good", change: func(*testing.T, *Config) {}, want: "configuration wire database schema keys credits", says: "1, opened with the key-encryption key from"},
		{name: "of 2026", change: func(_ *testing.T, c *Config) { c.WireGeneration, c.HTTP.BaseURL = "2026", "https://auth.example.com/" },
			want: "configuration wire database schema keys credits", says: "generation 2026: signs with iss https://auth.example.com and aud mana; iss: "},
		{name: "of 2027", none: true, change: func(_ *testing.T, c *Config) { c.WireGeneration = "2027" }, failed: "configuration", says: `"2027" is neither 2025 nor 2026`},
		{name: "nothing yet", none: true, change: func(*testing.T, *Config) {}, want: "configuration wire database", says: "serve makes it"},
		{name: "configuration", none: true, change: func(_ *testing.T, c *Config) { c.Passwords.MinLength = 1 }, failed: "configuration", says: "Passwords.MinLength"},
		{name: "no folder", none: true, change: func(_ *testing.T, c *Config) {
			c.Database.SQLitePath = filepath.Join(filepath.Dir(c.Database.SQLitePath), "nowhere", "x.db")
		},
			want: "configuration wire", failed: "database", says: "make its folder first"},
		{name: "damaged", change: func(t *testing.T, c *Config) {
			if err := os.WriteFile(c.Database.SQLitePath, bytes.Repeat([]byte("junk"), 2048), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "configuration wire", failed: "database", says: "restore a backup"},
		{name: "newer", change: func(t *testing.T, c *Config) {
			execute(t, c.Database.SQLitePath, `INSERT INTO manacore_migrations (name, applied_at) VALUES ('99999_future.sql', 1)`)
		}, want: "configuration wire database", failed: "schema", says: "run the newer program"},
		{name: "older", change: func(t *testing.T, c *Config) {
			execute(t, c.Database.SQLitePath, `DELETE FROM manacore_migrations WHERE name = (SELECT max(name) FROM manacore_migrations)`)
		}, want: "configuration wire database schema", says: "1 migrations to run"},
		{name: "a damaged page", change: func(t *testing.T, c *Config) {
			content, err := os.ReadFile(c.Database.SQLitePath)
			if err != nil {
				t.Fatal(err)
			}
			// One that opening the database has no need of.
			at := (pageOf(t, c.Database.SQLitePath, "security_events") - 1) * 4096
			copy(content[at:at+4096], bytes.Repeat([]byte{0xff}, 4096))
			if err := os.WriteFile(c.Database.SQLitePath, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "configuration wire", failed: "database", says: "is damaged; restore a backup"},
		{name: "key file lost", change: func(t *testing.T, c *Config) {
			if err := os.Remove(c.Database.SQLitePath + ".key"); err != nil {
				t.Fatal(err)
			}
		}, want: "configuration wire database schema", failed: "keys", says: "restore the file"},
		{name: "books that do not balance", change: func(t *testing.T, c *Config) {
			execute(t, c.Database.SQLitePath, `INSERT INTO credit_accounts
				(user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
				VALUES ('ann', 10, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0)`)
		}, want: "configuration wire database schema keys", failed: "credits", says: "ann"},
		{name: "an account that holds nothing for a reservation", change: func(t *testing.T, c *Config) {
			execute(t, c.Database.SQLitePath, `INSERT INTO credit_accounts
				(user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
				VALUES ('ann', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
				INSERT INTO credit_reservations (id, user_id, app_id, amount, free, reason, balance, created_at, expires_at, state)
				VALUES ('r', 'ann', 'chat', 7, 3, '', 0, 0, 1, 'open')`)
		}, want: "configuration wire database schema keys", failed: "credits", says: "ann: holds 0 paid and 0 free, its open reservations 4 and 3"},
		{name: "another key", change: func(_ *testing.T, c *Config) { c.Keys.EncryptionKey = digest("another") },
			want: "configuration wire database schema", failed: "keys", says: "does not open"},
		{name: "PostgreSQL is down", none: true, change: func(_ *testing.T, c *Config) {
			c.Database.URL, c.Keys.EncryptionKey = "postgres://user:secret@127.0.0.1:1/mana?sslmode=disable", testKEK
		}, want: "configuration wire", failed: "database", says: "start the server there"},
		{name: "not a URL", none: true, change: func(_ *testing.T, c *Config) {
			c.Database.URL, c.Keys.EncryptionKey = "host=db password=secret", testKEK
		}, want: "configuration wire", failed: "database", says: "does not begin with postgres://"},
		{name: "PostgreSQL", none: true, change: func(t *testing.T, c *Config) {
			c.Database.URL, c.Keys.EncryptionKey = pgtest.New(t), testKEK
		}, want: "configuration wire database schema", says: "migrations to run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config := Config{Database: Database{SQLitePath: filepath.Join(dir, "test.db")}}
			if !test.none {
				openOnce(t, config.Database.SQLitePath, config)
			}
			test.change(t, &config)
			before := contents(t, dir)
			var good, failed, said []string
			for f := range Check(t.Context(), config, nil) {
				if said = append(said, f.Detail); f.Err == nil {
					good = append(good, f.Part)
				} else {
					failed, said = append(failed, f.Part), append(said, f.Err.Error())
				}
			}
			if got := strings.Join(good, " "); got != test.want || strings.Join(failed, " ") != test.failed {
				t.Errorf("good: %s, failed: %s; want %s, %s", good, failed, test.want, test.failed)
			}
			if text := strings.Join(said, "\n"); !strings.Contains(text, test.says) || strings.Contains(text, "secret") {
				t.Errorf("says %q, want %q in it", text, test.says)
			}
			if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
				t.Error("files have changed")
			}
		})
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"SQLite":     {Database: Database{SQLitePath: filepath.Join(t.TempDir(), "test.db")}},
		"PostgreSQL": {Database: Database{URL: pgtest.New(t)}, Keys: Keys{EncryptionKey: testKEK}},
	} {
		first, err := PendingMigrations(t.Context(), config)
		if err != nil || len(first) == 0 {
			t.Errorf("%s: %q, %v", name, first, err)
		}
		if again, err := PendingMigrations(t.Context(), config); err != nil || !cmp.Equal(first, again) {
			t.Errorf("%s: looking has changed something: %q, %v", name, again, err)
		}
		if run, err := Migrate(t.Context(), config); err != nil || !cmp.Equal(first, run) {
			t.Errorf("%s: run %q, %v", name, run, err)
		}
		if run, err := Migrate(t.Context(), config); err != nil || len(run) != 0 {
			t.Errorf("%s: run again %q, %v", name, run, err)
		}
	}
}

// TestBackup restores a backup that was made of a running server.
func TestBackup(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	token := h.login("ann").AccessToken
	config := Config{Database: Database{SQLitePath: h.path}}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := Backup(t.Context(), config, copied, nil); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), config, copied, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	h.register("bob")

	kek, err := os.ReadFile(h.path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied+".key", kek, 0o600); err != nil {
		t.Fatal(err)
	}
	restored := serverFor(t, func(c *Config) { c.Database.SQLitePath = copied })
	restored.valid(token, "")
	restored.login("ann")
	restored.register("bob") // who came after the backup

	onPostgres := Config{Database: Database{URL: "postgres://db/mana"}, Keys: Keys{EncryptionKey: testKEK}}
	if err := Backup(t.Context(), onPostgres, copied+"2", nil); !errors.Is(err, ErrBackupElsewhere) {
		t.Errorf("PostgreSQL: %v", err)
	}
}

// pageOf is the number of the first page of a table.
func pageOf(t *testing.T, path, table string) (page int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = ?", table).Scan(&page); err != nil {
		t.Fatal(err)
	}
	return page
}
