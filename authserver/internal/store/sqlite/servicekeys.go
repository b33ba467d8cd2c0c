package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// AddServiceKey implements store.ServiceKeys.
func (s *Store) AddServiceKey(ctx context.Context, k store.ServiceKey) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO service_keys (id, app_id, hash, operations, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, k.ID, k.AppID, k.Hash[:], strings.Join(k.Operations, ","),
		millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.RevokedAt))
	return err
}

// ServiceKeys implements store.ServiceKeys.
func (s *Store) ServiceKeys(ctx context.Context) (list []store.ServiceKey, err error) {
	err = each(ctx, s.read, `SELECT id, app_id, hash, operations, created_at, expires_at, revoked_at
		FROM service_keys ORDER BY app_id, created_at, id`, nil, func(rows *sql.Rows) error {
		var (
			k                        store.ServiceKey
			hash                     []byte
			operations               string
			created, expiry, revoked sql.NullInt64
		)
		err := rows.Scan(&k.ID, &k.AppID, &hash, &operations, &created, &expiry, &revoked)
		copy(k.Hash[:], hash)
		k.Operations = strings.Split(operations, ",")
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = instant(created), instant(expiry), instant(revoked)
		list = append(list, k)
		return err
	})
	return list, err
}

// RevokeServiceKey implements store.ServiceKeys.
func (s *Store) RevokeServiceKey(ctx context.Context, id string, at time.Time) error {
	result, err := s.write.ExecContext(ctx, `UPDATE service_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?`, millis(at), id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return store.ErrNotFound
}
