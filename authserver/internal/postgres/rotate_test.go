package postgres

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/storetest"
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
			rotated := make(chan store.Rotated, 1)
			go func() {
				rotated <- s.Rotate(t.Context(), []store.Rotation{{
					Spent: session.Refresh, Successor: store.Digest{1}, Sealed: []byte("sealed"), Now: session.CreatedAt,
					Grace: time.Second, Lifetimes: store.Lifetimes{Idle: time.Hour, Remembered: time.Hour, Absolute: time.Hour},
				}})[0]
			}()
			waitForWaiter(t, s)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := <-rotated; out.Err != nil || out.Verdict != test.want {
				t.Errorf("%v, %v; want %v", out.Verdict, out.Err, test.want)
			}
			successor := []rotation{{Rotation: store.Rotation{Spent: store.Digest{1}}}}
			if known, err := s.present(t.Context(), successor); err != nil || len(known) != 0 {
				t.Errorf("the successor: %v, %v, want none", known, err)
			}
		})
	}
}

func TestSealedOnce(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	storetest.SealedOnce(t, s, func() (n int, err error) {
		err = s.pool.QueryRow(t.Context(), `SELECT count(sealed_successor) FROM auth.refresh_tokens`).Scan(&n)
		return n, err
	})
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
