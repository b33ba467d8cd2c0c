package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// unmarkedSessions are those of a user that are not marked as ended.
func unmarkedSessions(t *testing.T, s store.Store, userID string, limit int) (ids []string) {
	t.Helper()
	do(t, s, func(tx store.Tx) error {
		list, err := tx.OldestSessions(userID, limit)
		ids = nil
		for _, session := range list {
			ids = append(ids, session.ID)
		}
		return err
	})
	return ids
}

// manySessions: what ends all sessions of a user has its whole effect with its
// commit, and marks a bounded number of rows. The rest is marked in pieces, each
// of which is kept, and by whoever comes.
func manySessions(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	const sessions = 700
	ids := []string{a.session.ID}
	do(t, s, func(tx store.Tx) error {
		for i := range sessions {
			opened := newSession(a.user.ID, fmt.Sprintf("many %03d", i))
			if err := tx.AddSession(opened.Session, opened.Refresh); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range sessions {
		ids = append(ids, fmt.Sprintf("many %03d", i))
	}
	later := start.Add(time.Minute)
	sameIDs(t, "ended", mustEnd(t, s, store.Ending{At: later, UserID: a.user.ID}), ids)
	told(t, s, ids...)
	left := len(unmarkedSessions(t, s, a.user.ID, 10*sessions))
	if left < sessions/2 {
		t.Errorf("%d of %d sessions were marked in the transaction that ended them", len(ids)-left, len(ids))
	}
	for _, id := range ids {
		if session := mustSession(t, s, id); !session.RevokedAt.Equal(later) {
			t.Fatalf("session %s ended at %v", id, session.RevokedAt)
		}
	}
	if list, err := s.LiveSessions(t.Context(), a.user.ID, start, 10); err != nil || len(list) > 0 {
		t.Errorf("live sessions %v, %v", list, err)
	}
	out := s.Rotate(t.Context(), []store.Rotation{renewal(digest("many 699"), "x", start)})[0]
	if out.Err != nil || out.Verdict != store.Revoked {
		t.Errorf("a refresh: %v, %v", out.Verdict, out.Err)
	}
	if again := mustEnd(t, s, store.Ending{At: later, SessionID: "many 699"}); len(again) > 0 {
		t.Errorf("ended twice: %v", again)
	}

	users := func() []string {
		users, err := s.EndedUsers(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return users
	}
	equal(t, "users with sessions to be marked", users(), []string{a.user.ID})
	for left > 0 {
		marked, err := s.MarkEnded(t.Context(), a.user.ID, 200)
		if err != nil || marked != min(left, 200) {
			t.Fatalf("%d of %d marked, %v", marked, left, err)
		}
		left -= marked
		equal(t, "left", len(unmarkedSessions(t, s, a.user.ID, 10*sessions)), left)
	}
	if n, err := s.MarkEnded(t.Context(), a.user.ID, 200); n != 0 || err != nil {
		t.Errorf("marked once more: %d, %v", n, err)
	}
	if list := users(); len(list) > 0 {
		t.Errorf("users with sessions to be marked: %v", list)
	}
	told(t, s, ids...)
	live(t, s, map[string]bool{b.session.ID: true})
}

// epochs: a session that is kept, and one that is opened afterwards, live on, and
// end with the next epoch.
func epochs(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	kept := mustLogin(t, s, a.user.ID, "kept")
	later := start.Add(time.Minute)
	equal(t, "ended", mustEnd(t, s, store.Ending{At: later, UserID: a.user.ID, Except: kept.ID}), []string{a.session.ID})
	fresh := mustLogin(t, s, a.user.ID, "fresh")
	live(t, s, map[string]bool{a.session.ID: false, kept.ID: true, fresh.ID: true})
	rotate(t, s, renewal(kept.Refresh, "kept2", start), store.Renewed)
	rotate(t, s, renewal(fresh.Refresh, "fresh2", start), store.Renewed)
	mustLogin(t, s, a.user.ID, "ended before")
	mustEnd(t, s, store.Ending{At: later, SessionID: "ended before"})
	got := mustEnd(t, s, store.Ending{At: later, UserID: a.user.ID, Except: "ended before"})
	sameIDs(t, "ended", got, []string{kept.ID, fresh.ID})
	live(t, s, map[string]bool{kept.ID: false, fresh.ID: false, "ended before": false})
	if got := mustEnd(t, s, store.Ending{At: later, UserID: a.user.ID}); got != nil {
		t.Errorf("ended again: %v", got)
	}
}

func oldestSessions(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	mustCreate(t, s, "bob")
	for i, id := range []string{"third", "second", "first"} {
		opened := newSession(a.user.ID, id)
		opened.CreatedAt = start.Add(-time.Duration(i+1) * time.Hour)
		do(t, s, func(tx store.Tx) error { return tx.AddSession(opened.Session, opened.Refresh) })
	}
	want := []string{"first", "second", "third", a.session.ID}
	equal(t, "all", unmarkedSessions(t, s, a.user.ID, 10), want)
	equal(t, "two", unmarkedSessions(t, s, a.user.ID, 2), want[:2])
	mustEnd(t, s, store.Ending{At: start, SessionID: "second"})
	equal(t, "those that did not end", unmarkedSessions(t, s, a.user.ID, 10), slices.Delete(want, 1, 2))
}
