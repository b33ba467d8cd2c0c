// Package migrate brings the schema of a database up to date.
//
// Its migrations are steps: SQL files that run in the order of their names,
// each once. The database keeps a record, a table of the names of the steps
// that ran. A step and its entry in the record are one transaction. A process
// that is killed therefore leaves a database between two steps, and the next
// start runs the rest.
//
// Names decide, and not the number of steps. A step whose name is missing in
// the record runs, even if later ones ran before it, as happens where two
// branches that each add a step are merged. Such a step fails, and changes
// nothing, if it cannot run after the later ones. A step is never changed,
// renamed or removed after its release. There are no steps backwards: the way
// back is a backup.
package migrate

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Record is the name of the first step, which makes the record of names.
const Record = "00000_record.sql"

// Step is one change of a schema.
type Step struct {
	Name string // of the file, without its folder
	SQL  string // statements that run in a transaction
}

// Database is a database whose schema consists of steps.
type Database interface {
	// InTx runs f in a transaction. While it lasts, no other process runs steps
	// on the database. Where the database undid the transaction because of
	// another one, f may run again.
	InTx(ctx context.Context, f func(Tx) error) error
}

// Tx is a transaction of a Database.
type Tx interface {
	// Applied lists the names of the steps that ran. It reads them from the
	// record or, where there is none yet, derives them from the record of an
	// older program.
	Applied(ctx context.Context) ([]string, error)
	// Exec runs the statements of a step.
	Exec(ctx context.Context, statements string) error
	// Add enters a name in the record.
	Add(ctx context.Context, name string) error
	// Supersede changes the record of an older program so that such a program
	// refuses the database as newer than itself.
	Supersede(ctx context.Context) error
}

// Steps reads the files in dir whose names end in .sql. The first of them has
// the name Record.
func Steps(files fs.FS, dir string) ([]Step, error) {
	paths, err := fs.Glob(files, path.Join(dir, "*.sql")) // sorted
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, file := range paths {
		statements, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{path.Base(file), string(statements)})
	}
	if len(steps) == 0 || steps[0].Name != Record {
		return nil, fmt.Errorf("migrate: the first step is not %s", Record)
	}
	return steps, nil
}

// Names returns the names of steps, in their order.
func Names(steps []Step) []string {
	var names []string
	for _, step := range steps {
		names = append(names, step.Name)
	}
	return names
}

// Pending returns the steps that were not applied, in their order. The error is
// a *store.NewerSchema where a step was applied that is not among steps.
func Pending(steps []Step, applied []string) ([]Step, error) {
	known := Names(steps)
	var unknown []string
	for _, name := range applied {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, &store.NewerSchema{Names: unknown}
	}
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return slices.Contains(applied, s.Name) }), nil
}

// Run runs the steps that are pending, each in a transaction of its own. Any
// number of processes may do so at once. Each transaction decides which step is
// next, so that a process that had to wait does not run a step twice.
func Run(ctx context.Context, db Database, steps []Step) error {
	for {
		var done bool
		err := db.InTx(ctx, func(tx Tx) error {
			applied, err := tx.Applied(ctx)
			if err != nil {
				return err
			}
			pending, err := Pending(steps, applied)
			if err != nil {
				return err
			}
			if done = len(pending) == 0; done {
				return nil
			}
			return apply(ctx, tx, pending[0], applied)
		})
		if err != nil || done {
			return err
		}
	}
}

// apply runs a step and enters it in the record. A new record also gets the
// names that the record of an older program stands for.
func apply(ctx context.Context, tx Tx, step Step, applied []string) error {
	enter := []string{step.Name}
	if err := tx.Exec(ctx, step.SQL); err != nil {
		return fmt.Errorf("%s: %w", step.Name, err)
	}
	if step.Name == Record {
		enter = append(enter, applied...)
		if err := tx.Supersede(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	for _, name := range enter {
		if err := tx.Add(ctx, name); err != nil {
			return fmt.Errorf("%s: enter %s in the record: %w", step.Name, name, err)
		}
	}
	return nil
}
