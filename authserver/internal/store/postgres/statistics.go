package postgres

import (
	"context"
	"time"
)

// CountLiveSessions implements store.Statistics.
func (s *Store) CountLiveSessions(ctx context.Context, now time.Time) (count int64, err error) {
	err = call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL AND expires_at > $1`, at(now)).Scan(&count)
	})
	return count, err
}
