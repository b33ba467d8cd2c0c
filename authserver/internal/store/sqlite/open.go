// Package sqlite keeps the auth server's records in one SQLite file.
//
// The file is in WAL mode with synchronous=FULL: what was acknowledged is on
// the disk. One connection writes; transactions take the write lock at their
// beginning, so that a decision and its effect cannot be torn apart by
// another process. Reads have a pool of their own and never wait for a writer.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// readers is how many connections read at once.
const readers = 8

// journalLimit is how large the file of the write-ahead log stays, in bytes,
// once what is in it has reached the database. It is four times what SQLite
// collects before it writes to the database.
const journalLimit = 16 << 20

// Store is a store.Store in one SQLite file.
type Store struct {
	write *sql.DB // one connection
	read  *sql.DB
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, creates it with mode 0600 where there is none,
// and brings its schema up to date. A file that is damaged, holds another
// program's data or has a schema newer than this program is an error and is
// left as it is.
func Open(ctx context.Context, path string) (*Store, error) {
	pending, err := pending(ctx, path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	// SQLite would create the file with the umask's mode; its -wal and -shm
	// files take the mode of the file itself.
	file, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explain(path, err)
	}
	if err := file.Close(); err != nil {
		return nil, explain(path, err)
	}

	// The busy timeout comes first: switching to WAL may already have to wait.
	options := "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		fmt.Sprintf("&_pragma=journal_size_limit(%d)", journalLimit) +
		"&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&"
	s := &Store{}
	if s.write, err = pool(abs, 1, options+"_txlock=immediate"); err != nil {
		return nil, err
	}
	if s.read, err = pool(abs, readers, options+"_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if len(pending) > 0 {
		err = s.migrate(ctx)
	} else {
		err = s.Ping(ctx)
	}
	if err != nil {
		return nil, errors.Join(explain(path, err), s.Close())
	}
	return s, nil
}

func pool(abs string, connections int, options string) (*sql.DB, error) {
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") { // a drive letter
		slashed = "/" + slashed
	}
	connector, err := sqlite.NewConnector("file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + options)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// explain says what an operator can do about a failure to open path.
func explain(path string, err error) error {
	code := -1
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		code = e.Code() & 0xff
	}
	switch {
	case code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("sqlite: %s is damaged or not a SQLite database; it was left as it is, restore a backup or name another file: %w", path, err)
	case code == sqlite3.SQLITE_CANTOPEN, code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_PERM, errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("sqlite: %s cannot be written; give this user the right to write to the file and to its folder, where SQLite keeps two more files: %w", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: %s cannot be made; make its folder first, or name another file: %w", path, err)
	}
	return fmt.Errorf("sqlite: open %s: %w", path, err)
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, `SELECT 1 FROM users UNION ALL SELECT 1 LIMIT 1`).Scan(&one)
}

// Ready implements store.Store.
func (s *Store) Ready(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, `UPDATE readiness SET at = ? WHERE id = 1`, time.Now().UnixMilli())
	return err
}

// Close implements store.Store.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// inTx runs f in a transaction that holds the write lock from its beginning. A
// panic of f undoes it too, or else nobody could write any more.
func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if !returned {
			_ = tx.Rollback()
		}
	}()
	err = f(tx)
	returned = true
	if err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}
