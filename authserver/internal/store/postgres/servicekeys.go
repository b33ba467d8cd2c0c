package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// AddServiceKey implements store.ServiceKeys.
func (s *Store) AddServiceKey(ctx context.Context, k store.ServiceKey) error {
	return call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `INSERT INTO auth.service_keys (id, app_id, hash, operations, created_at, expires_at, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, k.ID, k.AppID, k.Hash[:], strings.Join(k.Operations, ","),
			at(k.CreatedAt), at(k.ExpiresAt), at(k.RevokedAt))
		return err
	})
}

// ServiceKeys implements store.ServiceKeys.
func (s *Store) ServiceKeys(ctx context.Context) (list []store.ServiceKey, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id, app_id, hash, operations, created_at, expires_at, revoked_at
			FROM auth.service_keys ORDER BY app_id COLLATE "C", created_at, id`)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows(list[:0], rows, func(row pgx.CollectableRow) (store.ServiceKey, error) {
			var (
				k                        store.ServiceKey
				hash                     []byte
				operations               string
				created, expiry, revoked *time.Time
			)
			err := row.Scan(&k.ID, &k.AppID, &hash, &operations, &created, &expiry, &revoked)
			copy(k.Hash[:], hash)
			k.Operations = strings.Split(operations, ",")
			k.CreatedAt, k.ExpiresAt, k.RevokedAt = instant(created), instant(expiry), instant(revoked)
			return k, err
		})
		return err
	})
	return list, err
}

// RevokeServiceKey implements store.ServiceKeys.
func (s *Store) RevokeServiceKey(ctx context.Context, id string, when time.Time) error {
	var rows int64
	err := call(ctx, func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, `UPDATE auth.service_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1`, id, at(when))
		rows = tag.RowsAffected()
		return err
	})
	if err == nil && rows == 0 {
		return store.ErrNotFound
	}
	return err
}
