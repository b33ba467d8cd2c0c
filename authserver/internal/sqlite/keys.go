package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// SigningKeys implements store.Keys.
func (s *Store) SigningKeys(ctx context.Context) (keys []store.Key, err error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, public_key, private_key, created_at FROM jwks ORDER BY created_at DESC, id`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			key     store.Key
			created sql.NullInt64
		)
		if err := rows.Scan(&key.ID, &key.PublicKey, &key.PrivateKey, &created); err != nil {
			return nil, err
		}
		key.CreatedAt = instant(created)
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

// AddFirstKey implements store.Keys.
func (s *Store) AddFirstKey(ctx context.Context, key store.Key) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO jwks (id, public_key, private_key, created_at)
		SELECT ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM jwks)`,
		key.ID, key.PublicKey, key.PrivateKey, millis(key.CreatedAt))
	return err
}
