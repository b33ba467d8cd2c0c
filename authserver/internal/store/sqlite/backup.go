package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/durable"
)

// Backup writes a consistent copy of the database at path to a new file with
// mode 0600. Servers may be at work on the database meanwhile. A file that is
// there is never replaced, and no half copy is left under the name. It calls
// written with the pages of the copy that are written and those that there will
// be at most, and checked with none and those that are being read back: at the
// beginning of each and once a second.
func Backup(ctx context.Context, path, to string, written, checked func(done, total int64)) (err error) {
	source, err := existing(path, "") // not query_only, which forbids VACUUM INTO
	if err != nil {
		return err
	}
	if source == nil {
		return fmt.Errorf("sqlite: there is nothing in %s to back up", path)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var total, size int64
	if err := source.QueryRowContext(ctx, `SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&total, &size); err != nil {
		return explain(path, err)
	}
	return durable.Create(to, func(temp string) error {
		copied := func() {
			if info, err := os.Stat(temp); err == nil {
				written(min(info.Size()/size, total), total)
			}
		}
		if err := everySecond(copied, func() error {
			_, err := source.ExecContext(ctx, `VACUUM INTO ?`, temp)
			return err
		}); err != nil {
			return explain(path, err)
		}
		copied()
		return intact(ctx, temp, checked)
	})
}

// everySecond calls tick, then run, and tick once a second until run returns.
// The calls of tick do not overlap.
func everySecond(tick func(), run func() error) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	return ticking(ticker.C, tick, run)
}

func ticking(ticks <-chan time.Time, tick func(), run func() error) error {
	tick()
	done := make(chan struct{})
	var ticker sync.WaitGroup
	ticker.Go(func() {
		for {
			select {
			case <-ticks:
				tick()
			case <-done:
				return
			}
		}
	})
	defer ticker.Wait()
	defer close(done)
	return run()
}

// intact reads a copy back: a backup is wanted when it is too late to make
// another.
func intact(ctx context.Context, path string, checked func(done, total int64)) (err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	copied, err := pool(abs, 1, "mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	if err := whole(ctx, copied, checked); err != nil {
		return fmt.Errorf("sqlite: the copy is damaged, and so is the database perhaps: %w", err)
	}
	return nil
}

// Whole reads all pages of the file at path, in which a page may be damaged
// that opening it has no need of. It changes nothing. A file that is not there
// is whole. At the beginning and once a second it calls checked with 0, because
// SQLite does not say how far it is, and with how many pages there are.
func Whole(ctx context.Context, path string, checked func(done, total int64)) (err error) {
	db, err := existing(path, "_pragma=query_only(1)")
	if err != nil || db == nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := whole(ctx, db, checked); err != nil {
		return fmt.Errorf("sqlite: %s is damaged; restore a backup: %w", path, err)
	}
	return nil
}

func whole(ctx context.Context, db *sql.DB, checked func(done, total int64)) error {
	var total int64
	if err := db.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&total); err != nil {
		return err
	}
	var verdict string
	if err := everySecond(func() { checked(0, total) }, func() error {
		return db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict)
	}); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	return nil
}
