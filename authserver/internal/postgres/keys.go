package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// SigningKeys implements store.Keys.
func (s *Store) SigningKeys(ctx context.Context) (keys []store.Key, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id, public_key, private_key, created_at
			FROM auth.signing_keys ORDER BY created_at DESC, id`)
		if err != nil {
			return err
		}
		keys, err = pgx.AppendRows(keys[:0], rows, func(row pgx.CollectableRow) (store.Key, error) {
			var (
				key     store.Key
				created *time.Time
			)
			err := row.Scan(&key.ID, &key.PublicKey, &key.PrivateKey, &created)
			key.CreatedAt = instant(created)
			return key, err
		})
		return err
	})
	return keys, err
}

// AddFirstKey implements store.Keys. The lock row lets one replica at a time
// look whether there is a key.
func (s *Store) AddFirstKey(ctx context.Context, key store.Key) error {
	return call(ctx, func(ctx context.Context) error {
		return inTx(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT 1 FROM auth.manacore_schema FOR UPDATE`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO auth.signing_keys (id, public_key, private_key, created_at)
				SELECT $1::text, $2::text, $3::text, $4::timestamptz WHERE NOT EXISTS (SELECT 1 FROM auth.signing_keys)`,
				key.ID, key.PublicKey, key.PrivateKey, at(key.CreatedAt))
			return err
		})
	})
}
