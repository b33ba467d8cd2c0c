package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// mustLogin stores a session of a user, as a login does.
func mustLogin(t *testing.T, s store.Store, userID, id string) session {
	t.Helper()
	opened := newSession(userID, id)
	do(t, s, func(tx store.Tx) error {
		return steps(
			func() error { return tx.AddSession(opened.Session, opened.Refresh) },
			func() error {
				return tx.AddEvent(store.Event{UserID: userID, Type: store.EventLogin, CreatedAt: start})
			},
		)
	})
	return opened
}

// mustEnd ends sessions and returns their ids.
func mustEnd(t *testing.T, s store.Store, which store.Ending) (ids []string) {
	t.Helper()
	do(t, s, func(tx store.Tx) error {
		ended, err := tx.EndSessions(which)
		ids = nil // of an attempt before
		for _, e := range ended {
			ids = append(ids, e.ID)
		}
		return err
	})
	return ids
}

// live checks which of the sessions named live.
func live(t *testing.T, s store.Store, want map[string]bool) {
	t.Helper()
	for id, want := range want {
		if got := mustSession(t, s, id).Live(start); got != want {
			t.Errorf("session %s lives: %v, want %v", id, got, want)
		}
	}
}

// AllRevocations lists the sessions of all revocations that a store holds.
func AllRevocations(ctx context.Context, s store.Revocations) (ids []string, err error) {
	read, err := s.Revocations(ctx, store.Mark{}, time.Unix(0, 0))
	return sessionsOf(read), err
}

func sessionsOf(read store.RevocationPage) (ids []string) {
	for _, r := range read.List {
		ids = append(ids, r.SessionID)
	}
	return ids
}

// told checks which sessions the store says ended early, whatever the order.
func told(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	got, err := AllRevocations(t.Context(), s)
	if err != nil {
		t.Fatalf("Revocations: %v", err)
	}
	sameIDs(t, "revocations", got, want)
}

func sameIDs(t *testing.T, what string, got, want []string) {
	t.Helper()
	equal(t, what, slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}

func revocation(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	later := start.Add(time.Minute)
	for i, want := range [][]string{{a.session.ID}, nil} { // the second time nothing happens
		which := store.Ending{At: later.Add(time.Duration(i) * time.Hour), SessionID: a.session.ID}
		equal(t, "ended", mustEnd(t, s, which), want)
	}
	if got := mustSession(t, s, a.session.ID); !got.RevokedAt.Equal(later) || got.Live(later) {
		t.Errorf("revoked at %v, want %v", got.RevokedAt, later)
	}
	live(t, s, map[string]bool{b.session.ID: true})

	// A spent token ends its session as well as the one that followed it.
	spent := b.session.Refresh
	rotate(t, s, renewal(spent, "b2", start), store.Renewed)
	equal(t, "ended by a spent token", mustEnd(t, s, store.Ending{At: later, Refresh: spent}), []string{b.session.ID})
	live(t, s, map[string]bool{b.session.ID: false})
	told(t, s, a.session.ID, b.session.ID)
}

func userSessions(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	one, two, three := mustLogin(t, s, a.user.ID, "one"), mustLogin(t, s, a.user.ID, "two"), mustLogin(t, s, a.user.ID, "three")
	later := start.Add(time.Minute)
	out := rotate(t, s, renewal(one.Refresh, "one2", later), store.Renewed)
	mustEnd(t, s, store.Ending{At: later, SessionID: two.ID})
	list := func(now time.Time, limit int) []store.Session {
		t.Helper()
		sessions, err := s.LiveSessions(t.Context(), a.user.ID, now, limit)
		if err != nil {
			t.Fatal(err)
		}
		return sessions
	}
	got := list(later, 10)
	if len(got) != 3 {
		t.Fatalf("%d live sessions, want 3", len(got))
	}
	equal(t, "the latest", got[0], out.Session)
	sameIDs(t, "the others", []string{got[1].ID, got[2].ID}, []string{a.session.ID, three.ID})
	equal(t, "the latest alone", list(later, 1), got[:1])
	equal(t, "those that live longest", list(three.ExpiresAt, 10), got[:1])

	mustEnd(t, s, store.Ending{At: later, UserID: a.user.ID})
	if sessions := list(later, 10); sessions != nil {
		t.Errorf("sessions that ended are live: %v", sessions)
	}
	live(t, s, map[string]bool{b.session.ID: true})
}

func revocations(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	told(t, s)
	read := func(since store.Mark) store.RevocationPage {
		t.Helper()
		out, err := s.Revocations(t.Context(), since, start.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i, id := range []string{"one", "two", "three"} {
		mustLogin(t, s, a.user.ID, id)
		mustEnd(t, s, store.Ending{At: start.Add(time.Duration(i) * time.Second), SessionID: id})
	}
	told(t, s, "one", "two", "three")
	first := read(store.Mark{})
	sameIDs(t, "without a mark", sessionsOf(first), []string{"two", "three"})
	if i := slices.IndexFunc(first.List, func(r store.Revocation) bool { return r.SessionID == "two" }); !first.Anew || first.Next.Database == "" ||
		!first.List[i].At.Equal(start.Add(time.Second)) {
		t.Errorf("without a mark: %+v", first)
	}
	mustLogin(t, s, a.user.ID, "four")
	mustEnd(t, s, store.Ending{At: start, SessionID: "four"}) // from before, by its clock
	second := read(first.Next)
	if second.Anew || !slices.Contains(sessionsOf(second), "four") {
		t.Errorf("since the mark: %+v", second)
	}
	if second = read(second.Next); second.Anew || len(second.List) > 0 {
		t.Errorf("read twice: %+v", second)
	}
	ahead := store.Mark{Database: second.Next.Database, Position: "99999999999999"}
	if back := read(ahead); !back.Anew || len(back.List) != 2 || back.Next.Position == ahead.Position {
		t.Errorf("after the database went back: %+v", back)
	}

	if err := s.ForgetRevocations(t.Context(), start.Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	told(t, s, "three")
	if err := s.ForgetRevocations(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	// A position is not used again: who has seen it would overlook the row.
	mustLogin(t, s, a.user.ID, "five")
	mustEnd(t, s, store.Ending{At: start, SessionID: "five"})
	if out := read(second.Next); out.Anew || !slices.Contains(sessionsOf(out), "five") {
		t.Errorf("after all were forgotten: %+v", out)
	}
}
