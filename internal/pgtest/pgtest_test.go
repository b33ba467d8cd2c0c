package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// victim tells this test binary to start a server and to wait for its
// end.
const victim = "PGTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		waitToDie()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(Stop(status)) }))
}

func waitToDie() {
	cluster, err := startCluster()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(cluster.dir)
	select {} // until it is killed
}

func TestNew(t *testing.T) {
	t.Parallel()
	one, two := New(t), New(t)
	Exec(t, one, "CREATE TABLE only_here (); CREATE SCHEMA mine")
	for database, want := range map[string]bool{one: true, two: false} {
		connection, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		var found, superuser bool
		var fsync string
		err = connection.QueryRow(t.Context(), `SELECT to_regclass('only_here') IS NOT NULL, current_setting('fsync'),
			(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`).Scan(&found, &fsync, &superuser)
		if err := errors.Join(err, connection.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if found != want {
			t.Errorf("the table is in %s: %v", database, found)
		}
		if fsync != "on" || (superuser && os.Getenv("TEST_DATABASE_URL") == "") {
			t.Errorf("fsync %s, superuser %v", fsync, superuser)
		}
	}
}

// TestNothingLeftBehind: a test binary that ends by kill -9, and so without a
// last word, takes its server and its folder along.
func TestNothingLeftBehind(t *testing.T) {
	t.Parallel()
	if _, err := findPrograms(); err != nil {
		t.Skip(err)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), victim+"=1")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	dir := lines.Text()
	if !strings.HasPrefix(filepath.Base(dir), "pgtest") {
		t.Fatalf("no folder but %q", dir)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil {
		t.Error("the victim ended well")
	}
	gone(t, dir)
}

// gone waits until there is no dir. The supervisor removes it last, when the
// server has ended.
func gone(t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s is still there", dir)
		}
	}
}

// TestFailover: what a primary has committed is on the standby that it waits for,
// and the one that was killed can follow the other.
func TestFailover(t *testing.T) {
	t.Parallel()
	one, two := NewServer(t), NewServer(t)
	Exec(t, one.URL(), "CREATE TABLE numbers (n int)")
	two.Follow(one)
	one.AwaitStandby()
	Exec(t, one.URL(), "INSERT INTO numbers VALUES (1)")
	one.Kill()
	two.Promote()
	Exec(t, two.URL(), "INSERT INTO numbers VALUES (2)")
	one.Follow(two)
	two.AwaitStandby()
	Exec(t, two.URL(), "INSERT INTO numbers VALUES (3)")
	two.Kill()
	one.Promote()
	Exec(t, URLOfAny(two, one)+"&target_session_attrs=read-write", `DO $$ BEGIN
		IF (SELECT sum(n) FROM numbers) <> 6 THEN RAISE 'rows are missing'; END IF;
	END $$`)
}
