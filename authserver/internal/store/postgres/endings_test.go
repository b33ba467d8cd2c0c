package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestO1ManySessions: a user with very many live sessions, one of which another
// transaction holds, is shut out by one short transaction. Other users' sessions
// are not touched.
func TestO1ManySessions(t *testing.T) {
	t.Parallel()
	const sessions = 60_000
	s := open(t, pgtest.New(t))
	url := s.pool.Config().ConnString()
	pgtest.Exec(t, url, `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e'), ('v', 'n', 'f');
		INSERT INTO auth.sessions (id, user_id, token, expires_at)
			SELECT 's' || n, 'u', 'mana:' || n, now() + interval '7 days' FROM generate_series(1, 60000) n;
		INSERT INTO auth.sessions (id, user_id, token, expires_at) VALUES ('other', 'v', 'mana:other', now() + interval '7 days')`)
	holder, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(t.Context()) }() // after the end it does nothing
	if _, err := holder.Exec(t.Context(), `SELECT 1 FROM auth.sessions WHERE id = 's17' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var ended int
	err = s.Tx(t.Context(), func(tx store.Tx) error {
		list, err := tx.EndSessions(store.Ending{At: time.Now(), UserID: "u"})
		ended = len(list)
		return err
	})
	if err != nil || ended != sessions {
		t.Fatalf("%d ended, %v", ended, err)
	}
	for id, lives := range map[string]bool{"s17": false, "s60000": false, "other": true} {
		if session, _, err := s.Session(t.Context(), id); err != nil || session.Live(time.Now()) != lives {
			t.Errorf("%s lives: %v, %v", id, !lives, err)
		}
	}
	// The rest goes on beside the row that somebody holds, and ends with it.
	for marked := 1000; marked == 1000; {
		if marked, err = s.MarkEnded(t.Context(), "u", 1000); err != nil {
			t.Fatal(err)
		}
	}
	if users, err := s.EndedUsers(t.Context(), 10); err != nil || len(users) != 1 {
		t.Errorf("users with sessions to be marked: %v, %v", users, err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if marked, err := s.MarkEnded(t.Context(), "u", 1000); marked != 1 || err != nil {
		t.Errorf("the last one: %d marked, %v", marked, err)
	}
	if users, err := s.EndedUsers(t.Context(), 10); err != nil || len(users) != 0 {
		t.Errorf("users with sessions to be marked: %v, %v", users, err)
	}
}

// TestEndingBesideMarking: what ends the sessions of a user keeps its entry
// among the users whose sessions are to be marked, also where an earlier ending
// of the same user has just been dealt with.
func TestEndingBesideMarking(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	url := s.pool.Config().ConnString()
	log := func(name string, sessions int) {
		t.Helper()
		pgtest.Exec(t, url, fmt.Sprintf(`INSERT INTO auth.sessions (id, user_id, token, expires_at, epoch)
			SELECT '%s' || n, 'u', '%[1]s' || n, now() + interval '7 days', u.session_epoch
			FROM generate_series(1, %d) n, auth.users u WHERE u.id = 'u'`, name, sessions))
	}
	end := func(then func()) {
		t.Helper()
		if err := s.Tx(t.Context(), func(tx store.Tx) error {
			_, err := tx.EndSessions(store.Ending{At: time.Now(), UserID: "u"})
			then()
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.Exec(t, url, `INSERT INTO auth.users (id, name, email) VALUES ('u', 'n', 'e')`)
	log("first", markAtOnce+1)
	end(func() {})
	if marked, err := s.MarkEnded(t.Context(), "u", 1); marked != 1 || err != nil {
		t.Fatalf("%d marked, %v", marked, err)
	}
	log("second", markAtOnce+1)
	marked := make(chan error, 1)
	end(func() { // and is not committed yet
		go func() {
			_, err := s.MarkEnded(t.Context(), "u", 1)
			marked <- err
		}()
		waiting := false
		for len(marked) == 0 && !waiting {
			waiting = waits(t, s)
		}
	})
	if err := <-marked; err != nil {
		t.Fatal(err)
	}
	if users, err := s.EndedUsers(t.Context(), 10); err != nil || len(users) != 1 {
		t.Errorf("users with sessions to be marked: %v, %v", users, err)
	}
	for _, want := range []int{1, 0} {
		if marked, err := s.MarkEnded(t.Context(), "u", 1); marked != want || err != nil {
			t.Errorf("%d marked, %v, want %d", marked, err, want)
		}
	}
	if users, err := s.EndedUsers(t.Context(), 10); err != nil || len(users) != 0 {
		t.Errorf("users with sessions to be marked: %v, %v", users, err)
	}
}
