package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/storetest"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// judgeAt judges refresh tokens that were not spent, at an instant.
func judgeAt(now time.Time) func(store.Presented) store.Decision {
	return func(p store.Presented) store.Decision {
		decision := store.Decision{Verdict: store.Renewed, ExpiresAt: now.Add(time.Hour)}
		switch {
		case p.User.Deleted():
			decision.Verdict = store.UserGone
		case !p.Session.Live(now):
			decision.Verdict = store.Revoked
		}
		return decision
	}
}

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
			session, refresh := addSession(t, s, "u", "one")
			looked := 0
			out := s.Rotate(t.Context(), []store.Rotation{{
				Spent: refresh, Successor: store.Digest{1}, Sealed: []byte("sealed"), Now: session.CreatedAt,
				Judge: func(p store.Presented) store.Decision {
					if looked++; looked == 1 {
						pgtest.Exec(t, s.pool.Config().ConnString(), test.end)
					}
					return judgeAt(session.CreatedAt)(p)
				},
			}})[0]
			if out.Err != nil || out.Verdict != test.want || looked != 2 {
				t.Errorf("%v, %v after %d looks; want %v after 2", out.Verdict, out.Err, looked, test.want)
			}
			successor := []rotation{{Rotation: store.Rotation{Spent: store.Digest{1}}}}
			if known, err := s.present(t.Context(), successor); err != nil || len(known) != 0 {
				t.Errorf("the successor: %v, %v, want none", known, err)
			}
		})
	}
}

// TestRotateBesideTrouble: of tokens that are presented together, those of a
// session that somebody holds, or whose row nobody can read, are the only ones
// without an answer.
func TestRotateBesideTrouble(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]string{
		"locked":     `SELECT 1 FROM auth.sessions WHERE id = 'one' FOR UPDATE`,
		"unreadable": `UPDATE auth.sessions SET last_activity_at = 'infinity' WHERE id = 'one'; COMMIT`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, pgtest.New(t))
			pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
			var asked []store.Rotation
			for i, id := range []string{"one", "two"} {
				session, refresh := addSession(t, s, "u", id)
				asked = append(asked, store.Rotation{
					Spent: refresh, Successor: store.Digest{byte(i)}, Sealed: []byte("sealed"), Now: session.CreatedAt,
					Judge: judgeAt(session.CreatedAt),
				})
			}
			holder, err := pgx.Connect(t.Context(), s.pool.Config().ConnString())
			if err != nil {
				t.Fatal(err)
			}
			defer holder.Close(t.Context())
			if _, err := holder.PgConn().Exec(t.Context(), `BEGIN; `+trouble).ReadAll(); err != nil {
				t.Fatal(err)
			}
			out := storetest.RotateTogether(t, s, asked...)
			if out[0].Err == nil || out[1].Err != nil || out[1].Verdict != store.Renewed {
				t.Errorf("%+v\n%+v", out[0], out[1])
			}
		})
	}
}

// O15: while another transaction holds the row of a session, its tokens are
// answered with groupcommit.ErrHeld at once, unspent, whether they are to be
// renewed or repeated.
func TestO15HeldSession(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	url := s.pool.Config().ConnString()
	pgtest.Exec(t, url, `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	session, refresh := addSession(t, s, "u", "one")
	_, other := addSession(t, s, "u", "two")
	judge := func(p store.Presented) store.Decision {
		if p.SpentAt.IsZero() {
			return judgeAt(session.CreatedAt)(p)
		}
		return store.Decision{Verdict: store.Repeated}
	}
	ask := func(spent, successor store.Digest) store.Rotation {
		return store.Rotation{Spent: spent, Successor: successor, Sealed: []byte("sealed"), Now: session.CreatedAt, Judge: judge}
	}
	for round, want := range []store.Verdict{store.Renewed, store.Repeated} {
		holder, err := s.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := holder.Exec(t.Context(), `SELECT 1 FROM auth.sessions WHERE id = 'one' FOR UPDATE`); err != nil {
			t.Fatal(err)
		}
		out := s.Rotate(t.Context(), []store.Rotation{ask(refresh, store.Digest{1}), ask(other, store.Digest{2})})
		if !errors.Is(out[0].Err, groupcommit.ErrHeld) || out[1].Err != nil || out[1].Verdict != want {
			t.Errorf("round %d: %+v\n%+v", round, out[0], out[1])
		}
		if err := holder.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out := s.Rotate(t.Context(), []store.Rotation{ask(refresh, store.Digest{1})})[0]; out.Err != nil || out.Verdict != want {
			t.Errorf("round %d: once the row is free: %+v", round, out)
		}
	}
}

// TestEndingBesideAChange: a session ends while another transaction is about to
// change its user. If it had to wait for the user's row, that transaction would
// wait for the session's in turn.
func TestEndingBesideAChange(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	addSession(t, s, "u", "one")
	err := s.Tx(t.Context(), func(tx store.Tx) error {
		if _, err := tx.LockUser("u"); err != nil {
			return err
		}
		return s.Tx(t.Context(), func(beside store.Tx) error {
			ended, err := beside.EndSessions(store.Ending{At: time.Now(), SessionID: "one"})
			if len(ended) != 1 {
				t.Errorf("ended %v, %v", ended, err)
			}
			return errors.Join(err, beside.AddEvent(store.Event{UserID: "u", Type: store.EventLogout, CreatedAt: time.Now()}))
		})
	})
	if err != nil {
		t.Error(err)
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
		if waits(t, s) {
			return
		}
	}
}

// waits reports whether a connection waits for a row.
func waits(t *testing.T, s *Store) (waiting bool) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), `SELECT count(*) > 0 FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
	if err != nil {
		t.Fatal(err)
	}
	return waiting
}
