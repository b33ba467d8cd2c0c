package sqlite

import (
	"context"
	"time"
)

// CountLiveSessions implements store.Statistics.
func (s *Store) CountLiveSessions(ctx context.Context, now time.Time) (count int64, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND expires_at > ?`, now.UnixMilli()).Scan(&count)
	return count, err
}
