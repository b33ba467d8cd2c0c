package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// SigningKeys implements store.Keys.
func (s *Store) SigningKeys(ctx context.Context) ([]store.Key, error) {
	return signingKeys(ctx, s.read)
}

func signingKeys(ctx context.Context, from querier) (keys []store.Key, err error) {
	rows, err := from.QueryContext(ctx, `SELECT id, public_key, private_key, created_at, signs_from, token_ttl, retired_at, verifies_until
		FROM jwks ORDER BY created_at, id`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			key                               store.Key
			created, signs, retired, verifies sql.NullInt64
			ttl                               int64
		)
		if err := rows.Scan(&key.ID, &key.PublicKey, &key.PrivateKey, &created, &signs, &ttl, &retired, &verifies); err != nil {
			return nil, err
		}
		key.CreatedAt, key.SignsFrom, key.RetiredAt = instant(created), instant(signs), instant(retired)
		key.VerifiesUntil = instant(verifies)
		key.TokenTTL = time.Duration(ttl) * time.Millisecond
		keys = append(keys, key)
	}
	return keys, rows.Err()
}
