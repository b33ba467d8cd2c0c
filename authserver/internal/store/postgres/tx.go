package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// errEnded is the error of an operation of a transaction that has ended.
var errEnded = errors.New("postgres: the transaction has ended")

// tx is a store.Tx. Statements wait in queued for the next one that reads, or
// for the commit, and share a round trip with it.
type tx struct {
	ctx        context.Context // of the call that the transaction is
	connection *pgxpool.Conn
	queued     *pgx.Batch
	// checked says that a queued statement has to find its row. The answer has
	// to be known before COMMIT is sent.
	checked bool
	// failed is the first error of the database. The transaction is lost with
	// it, whatever becomes of the error.
	failed error
}

// Tx implements store.Store. The statements that begin the transaction go out
// with its first operation that reads. A server that hangs between two
// operations for callTime loses the transaction: what it had locked would be
// locked for everybody.
func (s *Store) Tx(ctx context.Context, f func(store.Tx) error) error {
	return call(ctx, func(ctx context.Context) error {
		connection, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer connection.Release() // closes one that is still in a transaction
		t := &tx{ctx: ctx, connection: connection, queued: &pgx.Batch{}}
		begin(t.queued, txLockTime)
		err = t.end(f(t))
		if err != nil && connection.Conn().PgConn().TxStatus() != 'I' {
			_, _ = connection.Exec(ctx, `ROLLBACK`) // or else Release ends it
		}
		return err
	})
}

// end commits the transaction if neither f, which answered err, nor an operation
// failed.
func (t *tx) end(err error) error {
	defer func() { t.failed = errEnded }()
	switch {
	case lostRace(t.failed):
		return t.failed // to be tried again, whatever f made of it
	case err != nil:
		return err
	}
	if t.checked {
		if err := t.send(); err != nil {
			return err
		}
	}
	t.queued.Queue(`COMMIT`)
	return t.send()
}

// send sends what is queued and waits for the answers.
func (t *tx) send() error {
	if t.failed != nil {
		return t.failed
	}
	batch := t.queued
	t.queued, t.checked = &pgx.Batch{}, false
	// Close hands every result to its function and returns the first error.
	err := t.connection.SendBatch(t.ctx, batch).Close()
	if violates(err, emailUnique) {
		err = store.ErrEmailTaken
	}
	t.failed = err
	return err
}

// queue has a statement sent with the next ones.
func (t *tx) queue(s statement, args pgx.NamedArgs) error {
	if t.failed == nil {
		s.queue(t.queued, args)
	}
	return t.failed
}

// replace queues a statement that has to find its row: ErrNotFound where it does
// not, from an operation behind it or from Tx.
func (t *tx) replace(s statement, args pgx.NamedArgs) error {
	if t.failed != nil {
		return t.failed
	}
	t.checked = true
	s.queue(t.queued, args).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() == 0 {
			return store.ErrNotFound
		}
		return nil
	})
	return nil
}

// find sends a query for one row. ErrNotFound where there is none.
func (t *tx) find(into []any, query string, args ...any) error {
	found := true
	t.queued.Queue(query, args...).QueryRow(func(row pgx.Row) error {
		err := row.Scan(into...)
		if errors.Is(err, pgx.ErrNoRows) {
			found, err = false, nil
		}
		return err
	})
	if err := t.send(); err != nil {
		return err
	}
	if !found {
		return store.ErrNotFound
	}
	return nil
}
