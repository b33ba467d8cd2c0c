package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// inBatch is inTx for the work of a batch of calls. Its error wraps
// groupcommit.ErrRejected where one of the calls may be to blame.
func (s *Store) inBatch(ctx context.Context, f func(*sql.Tx) error) error {
	var undone error
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		undone = f(tx)
		return undone
	})
	if rejected(err) || unreadable(undone) {
		return fmt.Errorf("%w: %w", groupcommit.ErrRejected, err)
	}
	return err
}

// rejected says whether SQLite does not take what a transaction has to say. The
// commit may say so too.
func rejected(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && slices.Contains([]int{sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG,
		sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}, e.Code()&0xff)
}

// unreadable says whether it is what a row holds, or that a row is not there,
// for which a transaction was undone. SQLite itself reports neither: the errors
// come from reading the row and from this package.
func unreadable(undone error) bool {
	var e *sqlite.Error
	return undone != nil && !errors.As(undone, &e) &&
		!errors.Is(undone, context.Canceled) && !errors.Is(undone, context.DeadlineExceeded)
}
