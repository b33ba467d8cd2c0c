package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, after int64) ([]store.Revocation, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, session_id, at FROM session_revocations WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (r store.Revocation, err error) {
		var at sql.NullInt64
		err = rows.Scan(&r.Seq, &r.SessionID, &at)
		r.At = instant(at)
		return r, err
	})
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM session_revocations WHERE at < ?`, millis(before))
	return err
}
