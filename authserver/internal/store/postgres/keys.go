package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// SigningKeys implements store.Keys.
func (s *Store) SigningKeys(ctx context.Context) (keys []store.Key, err error) {
	err = call(ctx, func(ctx context.Context) (err error) {
		keys, err = signingKeys(ctx, s.pool)
		return err
	})
	return keys, err
}

const listKeys = `SELECT id, public_key, private_key, created_at, signs_from, token_ttl, retired_at
	FROM auth.signing_keys ORDER BY created_at, id`

func signingKeys(ctx context.Context, from querier) ([]store.Key, error) {
	rows, err := from.Query(ctx, listKeys)
	if err != nil {
		return nil, err
	}
	return collectKeys(rows)
}

func collectKeys(rows pgx.Rows) ([]store.Key, error) {
	return pgx.AppendRows([]store.Key(nil), rows, func(row pgx.CollectableRow) (store.Key, error) {
		var (
			key                     store.Key
			created, signs, retired *time.Time
			ttl                     int64
		)
		err := row.Scan(&key.ID, &key.PublicKey, &key.PrivateKey, &created, &signs, &ttl, &retired)
		key.CreatedAt, key.SignsFrom, key.RetiredAt = instant(created), instant(signs), instant(retired)
		key.TokenTTL = time.Duration(ttl) * time.Millisecond
		return key, err
	})
}

// ChangeKeys implements store.Keys. Who has locked the lock row decides.
func (s *Store) ChangeKeys(ctx context.Context, decide func([]store.Key) (store.KeyChange, error)) error {
	return s.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT 1 FROM auth.manacore_schema FOR UPDATE`); err != nil {
			return err
		}
		keys, err := signingKeys(ctx, tx)
		if err != nil {
			return err
		}
		change, err := decide(keys)
		if err != nil {
			return err
		}
		return changeKeys(ctx, tx, change)
	})
}

func changeKeys(ctx context.Context, tx pgx.Tx, change store.KeyChange) error {
	for _, key := range change.Put {
		if _, err := tx.Exec(ctx, `INSERT INTO auth.signing_keys
			(id, public_key, private_key, created_at, signs_from, token_ttl, retired_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET public_key = $2, private_key = $3, created_at = $4,
				signs_from = $5, token_ttl = $6, retired_at = $7`,
			key.ID, key.PublicKey, key.PrivateKey, at(key.CreatedAt),
			at(key.SignsFrom), key.TokenTTL.Milliseconds(), at(key.RetiredAt)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM auth.signing_keys WHERE id = ANY($1::text[])`, change.Drop)
	return err
}
