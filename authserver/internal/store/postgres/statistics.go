package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// sampleSessions reads some of the sessions that are not marked as ended, in the
// order of their users' ids, which are random, and how many the database
// believes that there are.
const sampleSessions = `SELECT count(*) FILTER (WHERE s.expires_at > $1), count(*),
		(SELECT c.reltuples::bigint FROM pg_class c WHERE c.oid = to_regclass('auth.sessions_unrevoked_idx'))
	FROM (SELECT expires_at FROM auth.sessions WHERE revoked_at IS NULL ORDER BY user_id, created_at, id LIMIT $2) s`

// CountLiveSessions implements store.Statistics.
func (s *Store) CountLiveSessions(ctx context.Context, now time.Time) (int64, error) {
	var live, read int64
	var believed *int64
	err := call(ctx, func(ctx context.Context) error {
		return s.indexed(ctx, sampleSessions, []any{at(now), store.CountExactly}, func(rows pgx.Rows) error {
			return rows.Scan(&live, &read, &believed)
		})
	})
	if err != nil || read < store.CountExactly {
		return live, err
	}
	return int64(float64(live) / float64(read) * float64(max(value(believed), read))), nil
}
