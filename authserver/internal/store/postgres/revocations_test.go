package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// poll reads revocations and moves the mark on.
func poll(t *testing.T, s *Store, mark *store.Mark) store.RevocationPage {
	t.Helper()
	page, err := s.Revocations(t.Context(), *mark, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	*mark = page.Next
	return page
}

func has(page store.RevocationPage, session string) bool {
	return slices.ContainsFunc(page.List, func(r store.Revocation) bool { return r.SessionID == session })
}

// TestV4LateCommit: a revocation that commits long after others that were stored
// later is read by the next poll, however many polls there were in between.
func TestV4LateCommit(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	url := s.pool.Config().ConnString()
	var mark store.Mark
	if page := poll(t, s, &mark); !page.Anew || page.Now.IsZero() {
		t.Errorf("%+v", page)
	}
	late, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(t.Context()) }() // after the commit it does nothing
	if _, err := late.Exec(t.Context(), `INSERT INTO auth.session_revocations (session_id, at) VALUES ('late', now())`); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		pgtest.Exec(t, url, `INSERT INTO auth.session_revocations (session_id, at) VALUES ('early', now())`)
		if page := poll(t, s, &mark); page.Anew || len(page.List) != 1 || !has(page, "early") {
			t.Errorf("%+v", page)
		}
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page := poll(t, s, &mark); !has(page, "late") {
		t.Errorf("%+v", page)
	}
	if page := poll(t, s, &mark); len(page.List) != 0 {
		t.Errorf("read twice: %+v", page)
	}
}

// TestV5Restart: a database server that was started anew may have lost
// something, and what was known of it does not count.
func TestV5Restart(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	s := open(t, server.URL())
	var mark store.Mark
	poll(t, s, &mark)
	if page := poll(t, s, &mark); page.Anew {
		t.Error("anew without a reason")
	}
	server.Stop()
	if _, err := s.Revocations(t.Context(), mark, time.Unix(0, 0)); err == nil {
		t.Error("no error of a server that is down")
	}
	server.Start()
	if page := poll(t, s, &mark); !page.Anew {
		t.Error("the restart went unnoticed")
	}
	if page := poll(t, s, &mark); page.Anew {
		t.Error("anew twice")
	}
}

// TestV4LimitsInTheDatabase: what others wait for ends in the database too.
func TestV4LimitsInTheDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	err := s.Tx(t.Context(), func(begun store.Tx) error {
		var got [3]string
		err := begun.(*tx).find([]any{&got[0], &got[1], &got[2]}, `SELECT current_setting('lock_timeout'),
			current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')`)
		if want := [3]string{"4s", "5s", "5s"}; got != want {
			t.Errorf("limits %v, want %v", got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	var outside string
	if err := s.pool.QueryRow(t.Context(), `SELECT current_setting('lock_timeout')`).Scan(&outside); err != nil || outside != "0" {
		t.Errorf("outside of a transaction: %q, %v", outside, err)
	}
}

// TestV6RepetitionWaits: while a synchronous standby hangs, nobody is told of a
// refresh or of a logout, also not who asks again.
func TestV6RepetitionWaits(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	s := open(t, server.URL())
	pgtest.Exec(t, server.URL(), `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	session, refresh := addSession(t, s, "u", "one")
	_, other := addSession(t, s, "u", "two")
	refreshed := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return s.Rotate(ctx, []store.Rotation{{
			Spent: refresh, Successor: store.Digest{1}, Sealed: []byte("sealed"), Now: session.CreatedAt,
			Judge: func(p store.Presented) store.Decision {
				if p.SpentAt.IsZero() {
					return store.Decision{Verdict: store.Renewed, ExpiresAt: session.CreatedAt.Add(time.Hour)}
				}
				return store.Decision{Verdict: store.Repeated}
			},
		}})[0].Err
	}
	loggedOut := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return s.Tx(ctx, func(tx store.Tx) error {
			_, err := tx.EndSessions(store.Ending{At: session.CreatedAt, Refresh: other})
			return err
		})
	}
	standby := func(name string) {
		t.Helper()
		for _, statement := range []string{`ALTER SYSTEM SET synchronous_standby_names = '` + name + `'`, `SELECT pg_reload_conf()`} {
			pgtest.Exec(t, server.URL(), statement)
		}
		for hangs := name == ""; hangs != (name != ""); { // another process of the server hears of it later
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			hangs = s.Ready(ctx) != nil
			cancel()
		}
	}
	standby("nobody")
	for range 2 {
		if err := refreshed(); err == nil {
			t.Error("a refresh that no standby has was acknowledged")
		}
		if err := loggedOut(); err == nil {
			t.Error("a logout that no standby has was acknowledged")
		}
	}
	standby("")
	if err := errors.Join(refreshed(), loggedOut()); err != nil {
		t.Error(err)
	}
}
