package sqlite

import (
	"path/filepath"
	"testing"
	"time"
)

// TestO24ManySessionsAreEstimated: of 30 000 sessions a tenth has expired and a
// tenth was revoked, and the estimate is near what is left.
func TestO24ManySessionsAreEstimated(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	for _, statement := range []string{
		`INSERT INTO users (id, name, email, created_at, updated_at) VALUES ('u', 'n', 'e', 1, 1)`,
		`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30000)
			INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at, last_activity_at, revoked_at)
			SELECT 's' || n, 'u', CASE WHEN n % 10 = 0 THEN 1 ELSE 9999999999999 END, n, n, n, CASE WHEN n % 10 = 1 THEN 1 END FROM n`,
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.CountLiveSessions(t.Context(), now); err != nil || got < 22_000 || got > 26_000 {
		t.Errorf("%d, %v; there are 24 000", got, err)
	}
}
