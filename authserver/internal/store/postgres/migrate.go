package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/store/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

func steps() ([]migrate.Step, error) { return migrate.Steps(migrations, "migrations") }

// Pending lists the migrations that Open would run on the database at
// databaseURL, in their order, and changes nothing. One that Open refuses is an
// error.
func Pending(ctx context.Context, databaseURL string) ([]string, error) {
	ctx, cancel := whileOpening(ctx)
	defer cancel()
	pool, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	all, err := steps()
	if err != nil {
		return nil, err
	}
	_, pending, err := inspect(ctx, pool, all)
	if err != nil {
		return nil, explain(err)
	}
	return migrate.Names(pending), nil
}

// upgrade brings the schema up to date.
func upgrade(ctx context.Context, pool *pgxpool.Pool) error {
	return upgradeAs(ctx, pool, migrating{pool, whileOpening})
}

func upgradeAs(ctx context.Context, pool *pgxpool.Pool, db migrate.Database) error {
	all, err := steps()
	if err != nil {
		return err
	}
	if due, err := prepare(ctx, pool, all); err != nil || !due {
		return err
	}
	return migrate.Run(ctx, db, all)
}

// prepare reports whether there is something to migrate, and makes the lock row
// for it where there is none.
func prepare(ctx context.Context, pool *pgxpool.Pool, all []migrate.Step) (due bool, err error) {
	ctx, cancel := whileOpening(ctx)
	defer cancel()
	found, pending, err := inspect(ctx, pool, all)
	if err != nil || found.locked && len(pending) == 0 {
		return false, err
	}
	return true, makeLockRow(ctx, pool, found.recorded)
}

// found is what there is in a database.
type found struct {
	applied  []string // the names of the migrations that ran
	recorded bool     // they are those of the record
	locked   bool     // the lock row is there
}

// look reads which migrations ran. One statement reads what the answer depends
// on, because another process may be migrating.
func look(ctx context.Context, db querier) (f found, err error) {
	var (
		version = `NULL::integer`
		there   bool
		lockRow *int
		made    []bool
	)
	if err := db.QueryRow(ctx, `SELECT to_regclass('auth.manacore_schema') IS NOT NULL`).Scan(&there); err != nil {
		return found{}, err
	}
	if there {
		version = `(SELECT version FROM auth.manacore_schema)`
	}
	if err := db.QueryRow(ctx, `SELECT `+version+`, `+hasColumn("manacore_migrations", "name")+`, `+madeBySteps()).
		Scan(&lockRow, &f.recorded, &made); err != nil {
		return found{}, err
	}
	f.locked = lockRow != nil
	switch {
	case f.recorded:
		f.applied, err = recordedNames(ctx, db)
	case f.locked:
		f.applied, err = numberedNames(*lockRow, made)
	}
	return f, err
}

func recordedNames(ctx context.Context, db querier) ([]string, error) {
	rows, err := db.Query(ctx, `SELECT name FROM auth.manacore_migrations`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// hasColumn is an expression that says whether a table of the schema auth has a
// column. Unlike to_regclass it sees what the statement sees that it is part of.
func hasColumn(table, column string) string {
	return fmt.Sprintf(`EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'auth' AND c.relname = '%s' AND a.attname = '%s' AND NOT a.attisdropped)`, table, column)
}

// makeLockRow makes the lock row, its table and its schema where there are
// none. IF NOT EXISTS does not keep two sessions from making one thing at
// once: the second gets an error and finds it made when it tries again. Where
// there is a record of names the row has been lost, and is made as it was.
func makeLockRow(ctx context.Context, pool *pgxpool.Pool, recorded bool) error {
	version := 0
	if recorded {
		version = superseded
	}
	for _, step := range []struct{ missing, make string }{
		{`SELECT to_regnamespace('auth') IS NULL`, `CREATE SCHEMA IF NOT EXISTS auth`},
		{`SELECT to_regclass('auth.manacore_schema') IS NULL`, `CREATE TABLE IF NOT EXISTS auth.manacore_schema (
			one     boolean PRIMARY KEY DEFAULT true CHECK (one),
			version integer NOT NULL
		)`},
		{`SELECT NOT EXISTS (SELECT 1 FROM auth.manacore_schema)`,
			fmt.Sprintf(`INSERT INTO auth.manacore_schema (version) VALUES (%d) ON CONFLICT DO NOTHING`, version)},
	} {
		err := retry(ctx, func() error {
			var missing bool
			if err := pool.QueryRow(ctx, step.missing).Scan(&missing); err != nil || !missing {
				return err
			}
			_, err := pool.Exec(ctx, step.make)
			return err
		})
		if err != nil {
			return fmt.Errorf("prepare the schema: %w", err)
		}
	}
	return nil
}

// migrating is a database as a migrate.Database.
type migrating struct {
	pool *pgxpool.Pool
	// waiting bounds how long a transaction waits for the lock.
	waiting func(context.Context) (context.Context, context.CancelFunc)
}

// errMigrating: who holds the lock for so long is at work, or hangs.
var errMigrating = errors.New("another process is migrating the database, or holds the row of auth.manacore_schema: " +
	"wait until it has ended (pg_stat_activity lists it), and start again")

// InTx implements migrate.Database. The one row of auth.manacore_schema is the
// lock. A lock of a row ends with the transaction, so that it needs no session
// of its own, and no process that died keeps it. What f does has the time that
// ctx leaves it: a table may be large.
func (m migrating) InTx(ctx context.Context, f func(migrate.Tx) error) error {
	return retry(ctx, func() error {
		tx, err := m.begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }() // after the commit it does nothing
		if err := f(migration{tx}); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
}

// begin begins a transaction that holds the lock. The level is said, because the
// database may have another default.
func (m migrating) begin(ctx context.Context) (pgx.Tx, error) {
	waiting, cancel := m.waiting(ctx)
	defer cancel()
	tx, err := m.pool.BeginTx(waiting, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, err
	}
	var one bool
	if err = tx.QueryRow(waiting, `SELECT one FROM auth.manacore_schema FOR UPDATE`).Scan(&one); err == nil {
		_, err = tx.Exec(waiting, migrationLimits)
	} else if waiting.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errMigrating, err)
	}
	if err != nil {
		_ = tx.Rollback(ctx) // the connection may be lost
		return nil, err
	}
	return tx, nil
}

// migrationLimits: a service that is at work on the tables goes first, because
// waiting longer for it would make everybody else wait behind us. A migration
// itself has no limit, whatever the database or the role has as a default, and a
// process that hangs in one holds the lock no longer than ten seconds.
const migrationLimits = `SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '0', true),
	set_config('idle_in_transaction_session_timeout', '10s', true)`

// migration is a transaction as a migrate.Tx.
type migration struct{ tx pgx.Tx }

// Applied implements migrate.Tx.
func (m migration) Applied(ctx context.Context) ([]string, error) {
	f, err := look(ctx, m.tx)
	return f.applied, err
}

// Exec implements migrate.Tx.
func (m migration) Exec(ctx context.Context, statements string) error {
	_, err := m.tx.Exec(ctx, statements)
	return err
}

// Add implements migrate.Tx.
func (m migration) Add(ctx context.Context, name string) error {
	_, err := m.tx.Exec(ctx, `INSERT INTO auth.manacore_migrations (name) VALUES ($1)`, name)
	return err
}

// Supersede implements migrate.Tx.
func (m migration) Supersede(ctx context.Context) error {
	_, err := m.tx.Exec(ctx, `UPDATE auth.manacore_schema SET version = $1`, superseded)
	return err
}
