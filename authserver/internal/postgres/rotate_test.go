package postgres

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestRotateAgainstRevoke: a session that ends after a rotation has read that
// it lives gets no new token.
func TestRotateAgainstRevoke(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  string
		want store.Verdict
	}{
		"session revoked": {`UPDATE auth.sessions SET revoked_at = now() WHERE id = 'one'`, store.Revoked},
		"user deleted": {`UPDATE auth.users SET deleted_at = now() WHERE id = 'u';
			UPDATE auth.sessions SET revoked_at = now() WHERE id = 'one'`, store.UserGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, pgtest.New(t))
			pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
			session := sessionOf("u", "one")
			if err := s.CreateSession(t.Context(), session, eventOf("u")); err != nil {
				t.Fatal(err)
			}
			tx, err := s.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }() // after the commit it does nothing
			if _, err := tx.Exec(t.Context(), test.end); err != nil {
				t.Fatal(err)
			}
			type outcome struct {
				store.Rotated
				err error
			}
			rotated := make(chan outcome, 1)
			go func() {
				out, err := s.Rotate(t.Context(), store.Rotation{
					Spent: session.Refresh, Successor: store.Digest{1}, Sealed: []byte("sealed"), Now: session.CreatedAt,
					Grace: time.Second, Lifetimes: store.Lifetimes{Idle: time.Hour, Remembered: time.Hour, Absolute: time.Hour},
				})
				rotated <- outcome{out, err}
			}()
			waitForWaiter(t, s)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := <-rotated; out.err != nil || out.Verdict != test.want {
				t.Errorf("%v, %v; want %v", out.Verdict, out.err, test.want)
			}
			if _, _, err := s.present(t.Context(), store.Digest{1}); err != store.ErrNotFound {
				t.Errorf("the successor: %v, want none", err)
			}
		})
	}
}

// waitForWaiter returns when a connection waits for a row.
func waitForWaiter(t *testing.T, s *Store) {
	t.Helper()
	for {
		var waiting bool
		err := s.pool.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
	}
}
