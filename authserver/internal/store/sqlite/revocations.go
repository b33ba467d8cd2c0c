package sqlite

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, after int64) ([]store.Revocation, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, session_id FROM session_revocations WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (r store.Revocation, err error) {
		err = rows.Scan(&r.Seq, &r.SessionID)
		return r, err
	})
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM session_revocations WHERE at < ?`, millis(before))
	return err
}
