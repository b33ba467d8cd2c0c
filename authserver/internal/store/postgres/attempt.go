package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// attempts is how often a call is tried at most that loses against others.
const attempts = 6

const (
	// lockTime is how long a statement of indexed waits for a row that another
	// holds.
	lockTime = 2 * time.Second
	// txLockTime is how long a statement of a transaction waits for one. It is
	// less than callTime, so that the error says what it waited for.
	txLockTime = 4 * time.Second
)

// SQLSTATEs, PostgreSQL documentation, appendix A.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006"
	duplicateSchema      = "42P06"
	duplicateTable       = "42P07"
	duplicateObject      = "42710" // such as the type of a table's rows
)

// seenAtNextLook are the constraints that keep two from making one thing of
// the ledger: whoever comes second finds it made.
var seenAtNextLook = []string{"credit_accounts_pkey", "credit_transactions_reference_idx"}

// call runs f, an operation of the store, within callTime.
func call(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return retry(ctx, func() error { return f(ctx) })
}

// retry runs f again, a bounded number of times, where the database undid it
// for the sake of a concurrent transaction.
func retry(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if n == attempts || !lostRace(err) {
			return err
		}
		// The pause is random, so that those who met do not meet again.
		wait := time.NewTimer(time.Duration(n) * time.Millisecond * time.Duration(1+rand.IntN(10)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
}

// lostRace says whether what was tried had no effect and may succeed the next
// time.
func lostRace(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	made := e.Code == uniqueViolation && (e.SchemaName == "pg_catalog" || // two made one schema or table
		slices.Contains(seenAtNextLook, e.ConstraintName))
	return made || slices.Contains([]string{serializationFailure, deadlockDetected, readOnlyTransaction, duplicateSchema, duplicateTable, duplicateObject}, e.Code)
}

// violates says whether err is a breach of the unique constraint of that name.
func violates(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == uniqueViolation && e.ConstraintName == constraint
}

// begin begins a transaction in which everything is found by an index. Where the
// statistics are those of an empty table, the planner would rather read all of
// it, and a plan that was kept goes on doing so while the table grows.
//
// The database itself ends a statement that waits or runs for too long, and a
// transaction whose server hangs between two statements: the server may not be
// there any more to do so, and others would wait for what it had locked.
func begin(batch *pgx.Batch, wait time.Duration) {
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	batch.Queue(limits, strconv.FormatInt(wait.Milliseconds(), 10), strconv.FormatInt(callTime.Milliseconds(), 10))
}

// limits sets the limits of a transaction in one statement: how long it waits
// for a lock, $1, and how long a statement and a pause take at most, $2.
const limits = `SELECT set_config('enable_seqscan', 'off', true), set_config('lock_timeout', $1, true),
	set_config('statement_timeout', $2, true), set_config('idle_in_transaction_session_timeout', $2, true)`

// indexed runs a query in such a transaction of its own, in one round trip. It
// waits for no row longer than lockTime.
func (s *Store) indexed(ctx context.Context, query string, args []any, scan func(pgx.Rows) error) error {
	var batch pgx.Batch
	begin(&batch, lockTime)
	batch.Queue(query, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	batch.Queue(`COMMIT`)
	return s.pool.SendBatch(ctx, &batch).Close()
}
