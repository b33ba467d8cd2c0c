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

const listKeys = `SELECT id, public_key, private_key, created_at, signs_from, token_ttl, retired_at, verifies_until
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
			key                               store.Key
			created, signs, retired, verifies *time.Time
			ttl                               int64
		)
		err := row.Scan(&key.ID, &key.PublicKey, &key.PrivateKey, &created, &signs, &ttl, &retired, &verifies)
		key.CreatedAt, key.SignsFrom, key.RetiredAt = instant(created), instant(signs), instant(retired)
		key.VerifiesUntil = instant(verifies)
		key.TokenTTL = time.Duration(ttl) * time.Millisecond
		return key, err
	})
}
