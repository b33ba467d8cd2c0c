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

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

func steps() ([]migrate.Step, error) { return migrate.Steps(migrations, "migrations") }

// Pending lists the migrations that Open would run on the file at path, in
// their order, and changes nothing. A file that is not there needs them all.
// One that Open refuses is an error.
func Pending(ctx context.Context, path string) ([]string, error) {
	pending, err := pending(ctx, path)
	return migrate.Names(pending), err
}

func pending(ctx context.Context, path string) (pending []migrate.Step, err error) {
	all, err := steps()
	if err != nil {
		return nil, err
	}
	db, err := existing(path, "_pragma=query_only(1)")
	if err != nil || db == nil {
		return all, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err := appliedTo(ctx, db)
	if err == nil {
		pending, err = migrate.Pending(all, names)
	}
	if err != nil {
		return nil, explain(path, err)
	}
	return pending, nil
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

// appliedTo reads the names of the migrations that ran on db. What it reads is
// of one moment, because another process may be migrating.
func appliedTo(ctx context.Context, db *sql.DB) (names []string, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	return migration{tx}.Applied(ctx)
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return err
	}
	return migrate.Run(ctx, migrating{s}, all)
}

// migrating is a Store as a migrate.Database.
type migrating struct{ *Store }

// migrationWaits is how many busy timeouts of five seconds a process waits for
// the migrations of another one.
const migrationWaits = 12

// InTx implements migrate.Database.
func (m migrating) InTx(ctx context.Context, f func(migrate.Tx) error) error {
	for n := 1; ; n++ {
		err := m.inTx(ctx, func(tx *sql.Tx) error { return f(migration{tx}) })
		if n == migrationWaits || !busy(err) {
			return err
		}
	}
}

// busy: another process had the write lock all the time.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// migration is a transaction as a migrate.Tx.
type migration struct{ tx *sql.Tx }

// errForeign: what is in the file is another program's.
var errForeign = errors.New("it holds the tables of another program and was left as it is; name another file")

// Applied implements migrate.Tx. A database that is not empty and has no record
// is another program's.
func (m migration) Applied(ctx context.Context) ([]string, error) {
	var recorded, numbered, filled bool
	err := m.tx.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE name = 'manacore_migrations') > 0,
		count(*) FILTER (WHERE name = 'goose_db_version') > 0, count(*) FILTER (WHERE name <> 'goose_db_version') > 0
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`).Scan(&recorded, &numbered, &filled)
	if err != nil {
		return nil, err
	}
	if recorded {
		return column[string](ctx, m.tx, `SELECT name FROM manacore_migrations`)
	}
	var names []string
	if numbered {
		names, err = m.numbered(ctx)
	}
	if err == nil && filled && len(names) == 0 {
		err = errForeign
	}
	return names, err
}

// Exec implements migrate.Tx.
func (m migration) Exec(ctx context.Context, statements string) error {
	_, err := m.tx.ExecContext(ctx, statements)
	return err
}

// Add implements migrate.Tx.
func (m migration) Add(ctx context.Context, name string) error {
	_, err := m.tx.ExecContext(ctx, `INSERT INTO manacore_migrations (name, applied_at)
		VALUES (?, CAST(unixepoch('subsec') * 1000 AS INTEGER))`, name)
	return err
}

// column is what a query for one column finds.
func column[T any](ctx context.Context, tx *sql.Tx, query string) (values []T, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var value T
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}
