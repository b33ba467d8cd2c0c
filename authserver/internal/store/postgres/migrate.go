package postgres

import (
	"context"
	"embed"
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
	ctx, cancel := context.WithTimeout(ctx, openTime)
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
	found, err := look(ctx, pool)
	if err != nil {
		return nil, explain(err)
	}
	pending, err := migrate.Pending(all, found.applied)
	if err != nil {
		return nil, explain(err)
	}
	return migrate.Names(pending), nil
}

// upgrade brings the schema up to date.
func upgrade(ctx context.Context, pool *pgxpool.Pool) error {
	return upgradeAs(ctx, pool, migrating{pool})
}

func upgradeAs(ctx context.Context, pool *pgxpool.Pool, db migrate.Database) error {
	all, err := steps()
	if err != nil {
		return err
	}
	found, err := look(ctx, pool)
	if err != nil {
		return err
	}
	pending, err := migrate.Pending(all, found.applied)
	if err != nil || found.locked && len(pending) == 0 {
		return err
	}
	if err := makeLockRow(ctx, pool, found.recorded); err != nil {
		return err
	}
	return migrate.Run(ctx, db, all)
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
type migrating struct{ pool *pgxpool.Pool }

// InTx implements migrate.Database. The one row of auth.manacore_schema is the
// lock. A lock of a row ends with the transaction, so that it needs no session
// of its own, and no process that died keeps it.
func (m migrating) InTx(ctx context.Context, f func(migrate.Tx) error) error {
	return retry(ctx, func() error {
		return inTx(ctx, m.pool, func(tx pgx.Tx) error {
			var one bool
			if err := tx.QueryRow(ctx, `SELECT one FROM auth.manacore_schema FOR UPDATE`).Scan(&one); err != nil {
				return err
			}
			// A service that is at work on the tables goes first. Waiting longer
			// for it would make everybody else wait behind us.
			if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '10s'`); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, idleLimit(2*callTime)); err != nil {
				return err
			}
			return f(migration{tx})
		})
	})
}

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
