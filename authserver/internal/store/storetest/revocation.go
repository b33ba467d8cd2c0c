package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// mustLogin stores a session of a user, as a login does.
func mustLogin(t *testing.T, s store.Store, userID, id string) store.NewSession {
	t.Helper()
	session := newSession(userID, id)
	if err := s.CreateSession(t.Context(), session, store.Event{UserID: userID, Type: store.EventLogin, CreatedAt: start}); err != nil {
		t.Fatalf("CreateSession(%s): %v", id, err)
	}
	return session
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

// told checks which sessions the store says ended early, whatever the order.
func told(t *testing.T, s store.Store, want ...string) {
	t.Helper()
	list, err := s.Revocations(t.Context(), 0)
	if err != nil {
		t.Fatalf("Revocations: %v", err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.SessionID)
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
	logout := store.Event{Type: store.EventLogout, CreatedAt: later, IPAddress: "192.0.2.9", UserAgent: "test/2"}

	for _, want := range [][]string{{a.session.ID}, nil} { // the second time nothing happens
		ended, err := s.RevokeSession(t.Context(), a.session.ID, logout)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "ended", ended, want)
		logout.CreatedAt = logout.CreatedAt.Add(time.Hour)
	}
	if got := mustSession(t, s, a.session.ID); !got.RevokedAt.Equal(later) || got.Live(later) {
		t.Errorf("revoked at %v, want %v", got.RevokedAt, later)
	}
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{store.EventLogout, store.EventRegister})
	live(t, s, map[string]bool{b.session.ID: true})

	// A spent token ends its session as well as the one that followed it.
	spent := b.session.Refresh
	if out := s.Rotate(t.Context(), []store.Rotation{renewal(spent, "b2", start)})[0]; out.Err != nil || out.Verdict != store.Renewed {
		t.Fatalf("Rotate: %v, %v", out.Verdict, out.Err)
	}
	ended, err := s.RevokeByRefreshToken(t.Context(), spent, logout)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "ended by a spent token", ended, []string{b.session.ID})
	live(t, s, map[string]bool{b.session.ID: false})
	equal(t, "events", eventTypes(t, s, b.user.ID), []string{store.EventLogout, store.EventRegister})

	if ended, err := s.RevokeByRefreshToken(t.Context(), digest("unknown"), logout); err != nil || ended != nil {
		t.Errorf("unknown token: %v, %v, want nothing", ended, err)
	}
	if ended, err := s.RevokeSession(t.Context(), "unknown", logout); err != nil || ended != nil {
		t.Errorf("unknown session: %v, %v, want nothing", ended, err)
	}
	told(t, s, a.session.ID, b.session.ID)
}

func userSessions(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	one, two, three := mustLogin(t, s, a.user.ID, "one"), mustLogin(t, s, a.user.ID, "two"), mustLogin(t, s, a.user.ID, "three")
	later := start.Add(time.Minute)
	out := rotate(t, s, renewal(one.Refresh, "one2", later), store.Renewed)
	event := store.Event{Type: store.EventSessionRevoked, CreatedAt: later}

	ended, err := s.RevokeUserSession(t.Context(), a.user.ID, b.session.ID, event)
	if err != nil || ended != nil {
		t.Errorf("another user's session: %v, %v, want nothing", ended, err)
	}
	for _, want := range [][]string{{"two"}, nil} {
		ended, err := s.RevokeUserSession(t.Context(), a.user.ID, two.ID, event)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "ended", ended, want)
	}
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

	for _, want := range [][]string{{a.session.ID, three.ID}, nil} {
		ended, err := s.RevokeUserSessions(t.Context(), a.user.ID, one.ID, store.Event{Type: store.EventSessionsRevoked, CreatedAt: later})
		if err != nil {
			t.Fatal(err)
		}
		sameIDs(t, "ended but one", ended, want)
	}
	live(t, s, map[string]bool{one.ID: true, two.ID: false, three.ID: false, a.session.ID: false, b.session.ID: true})
	if ended, err := s.RevokeUserSessions(t.Context(), a.user.ID, "", event); err != nil || len(ended) != 1 {
		t.Errorf("the last one: %v, %v", ended, err)
	}
	told(t, s, a.session.ID, one.ID, two.ID, three.ID)
	sameIDs(t, "events", eventTypes(t, s, a.user.ID), []string{store.EventRegister, store.EventLogin, store.EventLogin, store.EventLogin,
		store.EventSessionRevoked, store.EventSessionsRevoked, store.EventSessionRevoked})
	equal(t, "events of another user", eventTypes(t, s, b.user.ID), []string{store.EventRegister})
}

// refusedSessions: no session for a user who may not log in, or no longer by
// the password that was checked.
func refusedSessions(t *testing.T, s store.Store) {
	for name, change := range map[string]store.Change{"deleted": store.Delete, "disabled": store.Disable} {
		a := mustCreate(t, s, name)
		if _, _, err := s.ChangeUser(t.Context(), a.user.ID, change, store.Event{Type: name, CreatedAt: start}); err != nil {
			t.Fatal(err)
		}
		refusedSession(t, s, newSession(a.user.ID, "again-"+name))
	}
	refusedSession(t, s, newSession("nobody", "of nobody"))

	a := mustCreate(t, s, "ann")
	session := newSession(a.user.ID, "proven")
	session.PasswordHash = "another hash"
	refusedSession(t, s, session)
	session.PasswordHash = a.credential.PasswordHash
	if err := s.CreateSession(t.Context(), session, store.Event{Type: store.EventLogin, CreatedAt: start}); err != nil {
		t.Errorf("with the password of the user: %v", err)
	}
	for i, hash := range []string{"", a.credential.PasswordHash} {
		session := newSession(a.user.ID, fmt.Sprint("of a role", i))
		session.PasswordHash, session.Role = hash, "admin"
		refusedSession(t, s, session)
		session.Role = a.user.Role
		if err := s.CreateSession(t.Context(), session, store.Event{Type: store.EventLogin, CreatedAt: start}); err != nil {
			t.Errorf("with the role of the user: %v", err)
		}
	}
}

func refusedSession(t *testing.T, s store.Store, session store.NewSession) {
	t.Helper()
	err := s.CreateSession(t.Context(), session, store.Event{UserID: session.UserID, Type: "refused", CreatedAt: start})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("CreateSession(%s): %v, want ErrNotFound", session.ID, err)
	}
	if _, _, err := s.Session(t.Context(), session.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("session %s: %v, want ErrNotFound", session.ID, err)
	}
	if slices.Contains(eventTypes(t, s, session.UserID), "refused") {
		t.Errorf("%s: an event of what was refused", session.ID)
	}
}

func revocations(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	told(t, s)
	for i, id := range []string{"one", "two", "three"} {
		mustLogin(t, s, a.user.ID, id)
		event := store.Event{Type: store.EventLogout, CreatedAt: start.Add(time.Duration(i) * time.Second)}
		if _, err := s.RevokeSession(t.Context(), id, event); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Revocations(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[0].Seq <= 0 || all[0].Seq >= all[1].Seq || all[1].Seq >= all[2].Seq || all[2].SessionID != "three" {
		t.Fatalf("revocations %v", all)
	}
	some, err := s.Revocations(t.Context(), all[0].Seq)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "those behind the first", some, all[1:])

	if err := s.ForgetRevocations(t.Context(), start.Add(2*time.Second)); err != nil {
		t.Fatal(err)
	}
	told(t, s, "three")
	if err := s.ForgetRevocations(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	// A number is not used again: who has seen it would overlook the row.
	mustLogin(t, s, a.user.ID, "four")
	if _, err := s.RevokeSession(t.Context(), "four", store.Event{Type: store.EventLogout, CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	if some, err := s.Revocations(t.Context(), all[2].Seq); err != nil || len(some) != 1 {
		t.Errorf("after all were forgotten: %v, %v", some, err)
	}
}

// lastMoment: a refresh that came before a session's expiry, and is overtaken
// by what ends all sessions of the user just after it, renews nothing.
func lastMoment(t *testing.T, s store.Store) {
	event := func(at time.Time) store.Event { return store.Event{Type: "test", CreatedAt: at} }
	for name, end := range map[string]func(userID string, at time.Time) ([]string, error){
		"password": func(userID string, at time.Time) ([]string, error) {
			return s.ChangePassword(t.Context(), store.PasswordChange{UserID: userID, New: "new", Event: event(at)})
		},
		"role": func(userID string, at time.Time) ([]string, error) {
			_, ended, err := s.ChangeUser(t.Context(), userID, store.SetRole("admin"), event(at))
			return ended, err
		},
		"operator": func(userID string, at time.Time) ([]string, error) {
			return s.RevokeUserSessions(t.Context(), userID, "", event(at))
		},
	} {
		a := mustCreate(t, s, name)
		ended, err := end(a.user.ID, a.session.ExpiresAt.Add(store.Overtime-time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name+": ended", ended, []string{a.session.ID})
		rotate(t, s, renewal(a.session.Refresh, name+"2", a.session.ExpiresAt.Add(-time.Millisecond)), store.Revoked)

		b := mustCreate(t, s, name+" later")
		ended, err = end(b.user.ID, b.session.ExpiresAt.Add(store.Overtime))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, name+": ended of what nobody can renew", ended, []string(nil))
	}
}
