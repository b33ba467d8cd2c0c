package sqlite

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// windows is in how many places an estimate reads rows.
const windows = 20

// CountLiveSessions implements store.Statistics. SQLite does not know how many
// rows there are. Where they are many, rows are read in some places that are
// spread evenly over their numbers.
func (s *Store) CountLiveSessions(ctx context.Context, now time.Time) (int64, error) {
	var live, read int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE expires_at > ?), count(*)
		FROM (SELECT expires_at FROM sessions WHERE revoked_at IS NULL ORDER BY user_id, created_at, id LIMIT ?)`,
		now.UnixMilli(), store.CountExactly).Scan(&live, &read)
	if err != nil || read < store.CountExactly {
		return live, err
	}
	var first, last int64
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT min(rowid) FROM sessions), (SELECT max(rowid) FROM sessions)`).Scan(&first, &last)
	if err != nil {
		return 0, err
	}
	const width = store.CountExactly / windows
	span := last - first + 1
	live = 0
	for i := range int64(windows) {
		from := first + i*max(span-width, 0)/(windows-1)
		var found int64
		err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM sessions
			WHERE rowid BETWEEN ? AND ? AND revoked_at IS NULL AND expires_at > ?`, from, from+width-1, now.UnixMilli()).Scan(&found)
		if err != nil {
			return 0, err
		}
		live += found
	}
	return int64(float64(live) / float64(windows*width) * float64(span)), nil
}
