package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// migrations take the schema from one version to the next: the first file, in
// the order of names, makes version 1. A file is not changed once released.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. The row of auth.manacore_schema holds
// its version and is the lock: who has locked the row migrates, and who waited
// for it finds that done. The lock ends with the transaction, so that it needs
// no session of its own and none that died can keep it.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	steps, version, err := pending(ctx, pool)
	if err != nil || version == len(steps) {
		return err
	}
	if version == 0 {
		if err := makeLockRow(ctx, pool); err != nil {
			return err
		}
	}
	return retry(ctx, func() error {
		return inTx(ctx, pool, func(tx pgx.Tx) error { return migrateIn(ctx, tx, steps) })
	})
}

// Pending lists the migrations that Open would run on the database at
// databaseURL, in their order, and changes nothing. One that Open refuses is an
// error.
func Pending(ctx context.Context, databaseURL string) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	pool, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	steps, version, err := pending(ctx, pool)
	if err != nil {
		return nil, explain(err)
	}
	for _, step := range steps[version:] {
		names = append(names, path.Base(step))
	}
	return names, nil
}

// pending are the names of all migrations, and how many of them were run.
func pending(ctx context.Context, pool *pgxpool.Pool) (steps []string, version int, err error) {
	if steps, err = fs.Glob(migrations, "migrations/*.sql"); err != nil { // sorted
		return nil, 0, err
	}
	if version, err = currentVersion(ctx, pool); err != nil {
		return nil, 0, err
	}
	return steps, version, checkVersion(version, steps)
}

func checkVersion(version int, steps []string) error {
	if version > len(steps) {
		return &store.NewerSchema{Version: int64(version), Known: int64(len(steps))}
	}
	return nil
}

// currentVersion is 0 where there is no lock row yet.
func currentVersion(ctx context.Context, pool *pgxpool.Pool) (version int, err error) {
	var there bool
	if err := pool.QueryRow(ctx, `SELECT to_regclass('auth.manacore_schema') IS NOT NULL`).Scan(&there); err != nil || !there {
		return 0, err
	}
	err = pool.QueryRow(ctx, `SELECT version FROM auth.manacore_schema`).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return version, err
}

// makeLockRow makes the lock row, its table and its schema where there are
// none. IF NOT EXISTS does not keep two sessions from making one thing at
// once: the second gets an error and finds it made when it looks again.
func makeLockRow(ctx context.Context, pool *pgxpool.Pool) error {
	for _, step := range []struct{ missing, make string }{
		{`SELECT to_regnamespace('auth') IS NULL`, `CREATE SCHEMA IF NOT EXISTS auth`},
		{`SELECT to_regclass('auth.manacore_schema') IS NULL`, `CREATE TABLE IF NOT EXISTS auth.manacore_schema (
			one     boolean PRIMARY KEY DEFAULT true CHECK (one),
			version integer NOT NULL
		)`},
		{`SELECT NOT EXISTS (SELECT 1 FROM auth.manacore_schema)`,
			`INSERT INTO auth.manacore_schema (version) VALUES (0) ON CONFLICT DO NOTHING`},
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

func migrateIn(ctx context.Context, tx pgx.Tx, steps []string) error {
	var version int
	if err := tx.QueryRow(ctx, `SELECT version FROM auth.manacore_schema FOR UPDATE`).Scan(&version); err != nil {
		return err
	}
	if err := checkVersion(version, steps); err != nil {
		return err
	}
	if version == len(steps) {
		return nil
	}
	// A service that is at work on the tables goes first. Waiting longer for
	// it would make everybody else wait behind us.
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '10s'`); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, idleLimit(2*callTime)); err != nil {
		return err
	}
	for _, name := range steps[version:] {
		statements, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, string(statements)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	_, err := tx.Exec(ctx, `UPDATE auth.manacore_schema SET version = $1`, len(steps))
	return err
}
