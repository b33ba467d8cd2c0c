package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Pending lists the migrations that Open would run on the file at path, in
// their order, and changes nothing. A file that is not there needs them all.
// One that Open refuses is an error.
func Pending(ctx context.Context, path string) (names []string, err error) {
	db, err := existing(path, "_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	if db == nil {
		return pending(nil)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	applied, err := applied(ctx, db)
	if err == nil {
		names, err = pending(applied)
	}
	if err != nil {
		return nil, explain(path, err)
	}
	return names, nil
}

// existing opens the file at path with options and leaves alone what rests in
// the file, its schema and its settings. It is nil where there is no such
// file, or an empty one.
func existing(path, options string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	switch info, err := os.Stat(abs); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, explain(path, err)
	case info.IsDir():
		return nil, fmt.Errorf("sqlite: %s is a folder; name a file in it", path)
	case info.Size() == 0:
		return nil, nil
	}
	// Not mode=ro: that leaves the -wal and -shm files behind.
	return pool(abs, 1, "mode=rw&_pragma=busy_timeout(5000)&"+options)
}

// applied are the versions of the migrations that were run on a database.
func applied(ctx context.Context, db *sql.DB) (versions map[int64]bool, err error) {
	var tables, versioned int
	err = db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = ?) FROM sqlite_master WHERE type = 'table'`,
		goose.DefaultTablename).Scan(&tables, &versioned)
	if err != nil {
		return nil, err
	}
	if versioned == 0 {
		if tables > 0 {
			return nil, errors.New("it holds the tables of another program and was left as it is; name another file")
		}
		return nil, nil
	}
	rows, err := db.QueryContext(ctx, `SELECT version_id FROM `+goose.DefaultTablename+` WHERE is_applied`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	versions = map[int64]bool{}
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		versions[version] = true
	}
	return versions, rows.Err()
}

// pending are the names of the migrations that are not applied. A version that
// this program does not know is an error.
func pending(applied map[int64]bool) (names []string, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var newest int64
	for _, file := range files {
		if newest, err = goose.NumericComponent(file); err != nil {
			return nil, err
		}
		if !applied[newest] {
			names = append(names, filepath.Base(file))
		}
	}
	for version := range applied {
		if version > newest {
			return nil, &store.NewerSchema{Version: version, Known: newest}
		}
	}
	return names, nil
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.write, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	// Another process may be migrating too. Whoever comes second to a step
	// fails on it and finds it done when it looks again.
	for range len(provider.ListSources()) + 2 {
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
	}
	return err
}
