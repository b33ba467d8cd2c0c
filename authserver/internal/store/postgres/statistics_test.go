package postgres

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestO24ManySessionsAreEstimated: a tenth of 30 000 sessions has expired, and
// the estimate is near what is left.
func TestO24ManySessionsAreEstimated(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	url := s.pool.Config().ConnString()
	pgtest.Exec(t, url, `INSERT INTO auth.users (id, name, email) SELECT 'u' || n, 'n', 'e' || n FROM generate_series(1, 300) n;
		INSERT INTO auth.sessions (id, user_id, token, expires_at)
			SELECT 's' || n, 'u' || (1 + n % 300), 'mana:' || n, now() + CASE WHEN n % 10 = 0 THEN -1 ELSE 1 END * interval '1 day'
			FROM generate_series(1, 30000) n`)
	pgtest.Exec(t, url, `ANALYZE auth.sessions`)
	if got, err := s.CountLiveSessions(t.Context(), time.Now()); err != nil || got < 24_000 || got > 30_000 {
		t.Errorf("%d, %v; there are 27 000", got, err)
	}
}
