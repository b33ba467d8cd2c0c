package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/manacore/manacore-go/authserver/internal/durable"
)

// Backup writes a consistent copy of the database at path to a new file with
// mode 0600. Servers may be at work on the database meanwhile. A file that is
// there is never replaced, and no half copy is left under the name.
func Backup(ctx context.Context, path, to string) (err error) {
	source, err := existing(path, "") // not query_only, which forbids VACUUM INTO
	if err != nil {
		return err
	}
	if source == nil {
		return fmt.Errorf("sqlite: there is nothing in %s to back up", path)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	return durable.Create(to, func(temp string) error {
		if _, err := source.ExecContext(ctx, `VACUUM INTO ?`, temp); err != nil {
			return explain(path, err)
		}
		return intact(ctx, temp)
	})
}

// intact reads a copy back: a backup is wanted when it is too late to make
// another.
func intact(ctx context.Context, path string) (err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	copied, err := pool(abs, 1, "mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	if err := whole(ctx, copied); err != nil {
		return fmt.Errorf("sqlite: the copy is damaged, and so is the database perhaps: %w", err)
	}
	return nil
}

// Whole reads all pages of the file at path, in which a page may be damaged
// that opening it has no need of. It changes nothing. A file that is not there
// is whole.
func Whole(ctx context.Context, path string) (err error) {
	db, err := existing(path, "_pragma=query_only(1)")
	if err != nil || db == nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := whole(ctx, db); err != nil {
		return fmt.Errorf("sqlite: %s is damaged; restore a backup: %w", path, err)
	}
	return nil
}

func whole(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	return nil
}
