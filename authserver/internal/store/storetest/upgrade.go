package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
)

// Upgrades says how the databases of one kind are made, upgraded and looked at.
// A database is named by where it is, its path or its URL.
type Upgrades struct {
	Starts  []UpgradeStart
	Steps   []migrate.Step // all of them, in their order
	Empty   func(t *testing.T) string
	Open    func(ctx context.Context, at string) (store.Store, error)
	Pending func(ctx context.Context, at string) ([]string, error)
	// Migrate does what Open does to the schema, with what wrap makes of the
	// database.
	Migrate func(ctx context.Context, at string, wrap func(migrate.Database) migrate.Database) error

	// Whole is all that the database holds, for a comparison.
	Whole func(t *testing.T, at string) string
	// Shape is the schema: tables, columns, constraints, indexes and triggers.
	Shape func(t *testing.T, at string) []string
	// Record lists the names in the record, sorted.
	Record func(t *testing.T, at string) []string
	// Columns lists the columns of each table but those of records, as a query
	// names them.
	Columns func(t *testing.T, at string) map[string]string
	// Rows are the rows of each table in these columns.
	Rows func(t *testing.T, at string, columns map[string]string) map[string][]string
	// Superseded fails where a program from before there was a record of names
	// would not refuse the database.
	Superseded func(t *testing.T, at string)
}

// UpgradeStart is a database that a program may find when it starts.
type UpgradeStart struct {
	Name string
	Make func(t *testing.T) string
	Ran  []string // the migrations that ran on it; the others are to run
	Hard bool     // processes are also killed on it, and meet on it
}

// upgradeChild is the variable by which a test runs its own binary as another
// process: after how many migrations that one is killed, and the database.
// Without a number it opens the database and ends.
const upgradeChild = "MANACORE_TEST_UPGRADE"

// Upgrade upgrades databases. The test that calls it is called TestUpgrade, and
// calls nothing before it.
func Upgrade(t *testing.T, u Upgrades) {
	if order, ordered := os.LookupEnv(upgradeChild); ordered {
		after, at, _ := strings.Cut(order, " ")
		if err := u.child(t.Context(), after, at); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	t.Parallel()
	fresh := u.Empty(t)
	u.openOnce(t, fresh)
	upgraded := func(t *testing.T, at string, had map[string]string, before map[string][]string) {
		t.Helper()
		u.upgraded(t, fresh, at)
		if diff := cmp.Diff(before, u.Rows(t, at, had)); diff != "" {
			t.Errorf("rows (-before +after):\n%s", diff)
		}
	}
	for _, start := range u.Starts {
		steps, err := migrate.Pending(u.Steps, start.Ran)
		if err != nil {
			t.Fatal(err)
		}
		pending := migrate.Names(steps)
		run := func(name string, upgrade func(t *testing.T, at string)) {
			t.Run(start.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				at := start.Make(t)
				had := u.Columns(t, at)
				before := u.Rows(t, at, had)
				upgrade(t, at)
				upgraded(t, at, had, before)
			})
		}
		run("alone", func(t *testing.T, at string) {
			u.pending(t, at, pending)
			u.openOnce(t, at)
		})
		if !start.Hard {
			continue
		}
		for n := range pending {
			run("killed in "+pending[n], func(t *testing.T, at string) {
				if status, out := spawn(t, strconv.Itoa(n), at); status != -1 {
					t.Fatalf("the process ended with status %d: %s", status, out)
				}
				u.pending(t, at, pending[n:])
				u.openOnce(t, at)
			})
		}
		run("two at once", func(t *testing.T, at string) { together(2, func() { u.openOnce(t, at) }) })
		run("eight processes at once", func(t *testing.T, at string) {
			together(8, func() {
				if status, out := spawn(t, "", at); status != 0 {
					t.Errorf("the process ended with status %d: %s", status, out)
				}
			})
		})
	}
}

// upgraded fails where a database is not what an empty one became.
func (u Upgrades) upgraded(t *testing.T, fresh, at string) {
	t.Helper()
	if diff := cmp.Diff(u.Shape(t, fresh), u.Shape(t, at)); diff != "" {
		t.Errorf("schema (-of an empty database +upgraded):\n%s", diff)
	}
	if diff := cmp.Diff(u.Record(t, fresh), u.Record(t, at)); diff != "" {
		t.Errorf("record (-of an empty database +upgraded):\n%s", diff)
	}
	u.Superseded(t, at)
	before := u.Whole(t, at)
	u.pending(t, at, nil)
	u.openOnce(t, at)
	if diff := cmp.Diff(before, u.Whole(t, at)); diff != "" {
		t.Errorf("opened once more, the database changed (-before +after):\n%s", diff)
	}
}

// pending fails where other migrations are to run, or looking at them changes
// the database.
func (u Upgrades) pending(t *testing.T, at string, want []string) {
	t.Helper()
	before := u.Whole(t, at)
	names, err := u.Pending(t.Context(), at)
	if diff := cmp.Diff(want, names); diff != "" || err != nil {
		t.Errorf("pending: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(before, u.Whole(t, at)); diff != "" {
		t.Errorf("looking has changed the database (-before +after):\n%s", diff)
	}
}

// openOnce opens a database and closes it.
func (u Upgrades) openOnce(t *testing.T, at string) {
	t.Helper()
	if err := u.openAndClose(t.Context(), at); err != nil {
		t.Error(err)
	}
}

func (u Upgrades) openAndClose(ctx context.Context, at string) error {
	s, err := u.Open(ctx, at)
	if err != nil {
		return err
	}
	return s.Close()
}

func together(n int, f func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(f)
	}
	all.Wait()
}

// spawn runs TestUpgrade in another process with an order and returns its exit
// status, which is -1 where it was killed, and what it printed.
func spawn(t *testing.T, after, at string) (status int, out []byte) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestUpgrade$")
	command.Env = append(os.Environ(), upgradeChild+"="+after+" "+at)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out
}

// child does what another process is for.
func (u Upgrades) child(ctx context.Context, after, at string) error {
	if after == "" {
		return u.openAndClose(ctx, at)
	}
	n, err := strconv.Atoi(after)
	if err != nil {
		return err
	}
	err = u.Migrate(ctx, at, func(db migrate.Database) migrate.Database { return &mortal{db, n} })
	return fmt.Errorf("the process was to be killed: %w", err)
}

// mortal kills its process in the transaction after the first few, when all of
// that transaction is done but its commit.
type mortal struct {
	migrate.Database
	left int
}

func (m *mortal) InTx(ctx context.Context, f func(migrate.Tx) error) error {
	return m.Database.InTx(ctx, func(tx migrate.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if m.left--; m.left >= 0 {
			return nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Kill(); err != nil {
			return err
		}
		select {} // the signal is on its way
	})
}
