package main

import (
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// kekVariable is one of several key-encryption keys that look random.
func kekVariable(which byte) string {
	sum := sha256.Sum256([]byte{which})
	return "KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(sum[:])
}

// contents are the files in dir.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range names(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	return files
}

// TestBadSQLite: a file that is not good stops the server and every command,
// says why and what to do, and is as it was.
func TestBadSQLite(t *testing.T) {
	t.Parallel()
	made := t.TempDir() // a database with a key, closed as it should be
	p := run(t, made, "PORT=0").started()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status, log := p.wait(); status != 0 {
		t.Fatalf("%d: %s", status, log)
	}
	good := contents(t, made)
	change := func(f func(content []byte)) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			content := []byte(good["manacore.db"])
			f(content)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name   string
		spoil  func(t *testing.T, path string)
		env    string
		want   string
		backup bool // a copy can be made all the same
	}{
		{name: "no database", spoil: change(func(b []byte) { copy(b, strings.Repeat("no database ", 100)) }), want: "restore a backup"},
		{name: "a damaged schema", spoil: change(func(b []byte) { copy(b[100:4096], strings.Repeat("\xff", 4096)) }), want: "restore a backup"},
		{name: "a schema from the future", spoil: func(t *testing.T, path string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(`INSERT INTO manacore_migrations (name, applied_at) VALUES ('99999_future.sql', 1)`); err != nil {
				t.Fatal(err)
			}
		}, want: "run the newer program", backup: true},
		{name: "no key file", spoil: func(t *testing.T, path string) {
			if err := os.Remove(path + ".key"); err != nil {
				t.Fatal(err)
			}
		}, want: "restore the file", backup: true},
		{name: "O14 no database", spoil: func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, want: "restore the database from a backup"},
		{name: "O14 empty database", spoil: func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, want: "restore the database from a backup"},
		{name: "half a key file", spoil: func(t *testing.T, path string) {
			if err := os.Truncate(path+".key", 20); err != nil {
				t.Fatal(err)
			}
		}, want: "is not the base64 of 32 bytes", backup: true},
		{name: "another key", spoil: func(*testing.T, string) {}, env: kekVariable(1), want: "does not open the private key", backup: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range good {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			test.spoil(t, filepath.Join(dir, "manacore.db"))
			before := contents(t, dir)
			env := []string{"PORT=0", test.env}
			execute(t, dir, "", env).is(exitFailed, test.want)
			execute(t, dir, "", env, "check").is(exitFailed, test.want)
			status := exitFailed
			if test.backup {
				status = 0
			}
			execute(t, dir, "", env, "backup", filepath.Join(t.TempDir(), "copy")).is(status)
			if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
				t.Error("files have changed")
			}
		})
	}
}

// TestUnwritable: a folder that the server may not write to, or that is not
// there.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	execute(t, dir, "", []string{"PORT=0", "SQLITE_PATH=nowhere/x.db"}).is(exitFailed, "make its folder first")
	execute(t, dir, "", []string{"PORT=0", "SQLITE_PATH=" + dir}).is(exitFailed, "is a folder")
	if files := names(t, dir); len(files) != 0 {
		t.Errorf("files were made: %q", files)
	}

	for name, prepare := range map[string]func(dir string){
		"empty": func(string) {},
		"with a database": func(dir string) {
			execute(t, dir, "", nil, "migrate").is(0)
			if err := os.Chmod(filepath.Join(dir, "manacore.db"), 0o444); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir := t.TempDir()
		prepare(dir)
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		command := exec.CommandContext(t.Context(), binary)
		command.Dir, command.Env = dir, []string{"PORT=0"}
		if os.Geteuid() == 0 { // who may write everywhere
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := command.CombinedOutput()
		if err == nil || command.ProcessState.ExitCode() != exitFailed || !strings.Contains(string(out), "right to write to the file and to its folder") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Errorf("%s: files have changed", name)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadPostgreSQL: the same for DATABASE_URL.
func TestBadPostgreSQL(t *testing.T) {
	t.Parallel()
	const secret = "hunter2hunter2"
	good := pgtest.New(t)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return "DATABASE_URL=" + u.String()
	}
	keyed, future := pgtest.New(t), pgtest.New(t)
	dir := t.TempDir()
	execute(t, dir, "", []string{"DATABASE_URL=" + future, kekVariable(0)}, "migrate").is(0)
	pgtest.Exec(t, future, "INSERT INTO auth.manacore_migrations (name) VALUES ('99999_future.sql')")
	p := run(t, dir, "PORT=0", "DATABASE_URL="+keyed, kekVariable(0)).started()
	p.kill()

	for _, test := range []struct {
		name, database, kek, want string
	}{
		{"not a URL", "DATABASE_URL=host=db password=" + secret, kekVariable(0), "does not begin with postgres://"},
		{"host down", "DATABASE_URL=postgres://mana:" + secret + "@127.0.0.1:1/mana?sslmode=disable", kekVariable(0), "start the server there"},
		{"wrong password", with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }), kekVariable(0), "correct the user and the password"},
		{"no such database", with(func(u *url.URL) { u.Path = "/nowhere" }), kekVariable(0), "make the database first"},
		{"a schema from the future", "DATABASE_URL=" + future, kekVariable(0), "run the newer program"},
		{"no key", "DATABASE_URL=" + keyed, "", "openssl rand -base64 32"},
		{"another key", "DATABASE_URL=" + keyed, kekVariable(1), "does not open the private key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.name == "wrong password" && os.Getenv("TEST_DATABASE_URL") != "" {
				t.Skip("the server named may trust everybody")
			}
			dir := t.TempDir()
			env := []string{"PORT=0", test.database, test.kek}
			for _, command := range [][]string{nil, {"check"}} {
				r := execute(t, dir, "", env, command...).is(exitFailed, test.want)
				if strings.Contains(r.out+r.errs, secret) {
					t.Errorf("%q shows the password: %q %q", command, r.out, r.errs)
				}
			}
			if files := names(t, dir); len(files) != 0 {
				t.Errorf("files were made: %q", files)
			}
		})
	}
	execute(t, dir, "", []string{"DATABASE_URL=" + keyed, kekVariable(0)}, "backup", "copy").is(exitFailed, "pg_dump --format=custom --file=FILE --host=HOST")
	execute(t, dir, "", []string{"DATABASE_URL=" + keyed, kekVariable(0)}, "check").is(0, "1, opened with")
}

// TestV9WeakSecrets: check finds secrets that are easy to guess or to read, and
// a service key that is too short stops the server too.
func TestV9WeakSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	execute(t, dir, "", nil, "migrate").is(0)
	zeros := "KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	pattern := "KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("0123456789abcde", 3)[:32]))
	for _, kek := range []string{zeros, pattern} {
		r := execute(t, dir, "", []string{kek}, "check").is(exitFailed, "is no random one")
		if secret := strings.TrimPrefix(kek, "KEY_ENCRYPTION_KEY="); strings.Contains(r.out+r.errs, secret) {
			t.Error("check shows the key")
		}
	}
	execute(t, dir, "", []string{kekVariable(1)}, "check").is(0)

	const short = "short-key-of-31-characters-long"
	for _, command := range [][]string{{"check"}, {"serve"}} {
		r := execute(t, dir, "", []string{"PORT=0", "MANA_CORE_SERVICE_KEY=" + short}, command...).is(exitFailed, "MANA_CORE_SERVICE_KEY")
		if strings.Contains(r.out+r.errs, short) {
			t.Errorf("%q shows the key", command)
		}
	}
	execute(t, dir, "", []string{"MANA_CORE_SERVICE_KEY=" + short + "x"}, "check").is(0)
	execute(t, dir, "", []string{"MANA_CORE_SERVICE_KEY=" + short + "x", "MANA_CORE_SERVICE_KEY_OPERATIONS=use,gran"}, "check").is(exitFailed, "MANA_CORE_SERVICE_KEY_OPERATIONS", "gran")

	p := run(t, dir, "PORT=0").started() // which makes the key file
	p.kill()
	execute(t, dir, "", nil, "check").is(0)
	if err := os.Chmod(filepath.Join(dir, "manacore.db.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	execute(t, dir, "", nil, "check").is(exitFailed, "chmod 600")
}
