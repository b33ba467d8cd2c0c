package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var lifetimes = store.Lifetimes{Idle: 7 * 24 * time.Hour, Remembered: 30 * 24 * time.Hour, Absolute: 60 * 24 * time.Hour}

// renewal asks to exchange the token spent for one called successor.
func renewal(spent store.Digest, successor string, now time.Time) store.Rotation {
	return store.Rotation{
		Spent: spent, Successor: digest(successor), Sealed: []byte("sealed " + successor), Now: now, Grace: grace, Lifetimes: lifetimes,
		Reuse: store.Event{Type: store.EventRefreshReuse, IPAddress: "192.0.2.66", CreatedAt: now},
	}
}

// rotate presents a token and checks the verdict.
func rotate(t *testing.T, s store.Store, r store.Rotation, want store.Verdict) store.Rotated {
	t.Helper()
	out, err := s.Rotate(t.Context(), r)
	if err != nil {
		t.Fatalf("Rotate: %v", err)
	}
	if out.Verdict != want {
		t.Fatalf("Rotate: %v, want %v", out.Verdict, want)
	}
	return out
}

func rotation(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	first := a.session.Refresh
	at := start.Add(time.Minute)

	out := rotate(t, s, renewal(first, "second", at), store.Renewed)
	want := a.session.Session
	want.LastActivityAt, want.ExpiresAt = at, at.Add(lifetimes.Remembered)
	equal(t, "session of the answer", out.Session, want)
	equal(t, "user of the answer", out.User, a.user)
	equal(t, "session as stored", mustSession(t, s, a.session.ID), want)

	// A client that lost the answer gets the same successor, however often.
	for i := range 3 {
		at = start.Add(time.Minute + time.Duration(i)*grace/2)
		out = rotate(t, s, renewal(first, fmt.Sprint("other", i), at), store.Repeated)
		equal(t, "sealed successor", string(out.Sealed), "sealed second")
	}
	rotate(t, s, renewal(digest("other0"), "x", at), store.Unknown)
	rotate(t, s, renewal(digest("second"), "third", at), store.Renewed)
	rotate(t, s, renewal(digest("third"), "fourth", at), store.Renewed)
	equal(t, "events", eventTypes(t, s, a.user.ID), []string{store.EventRegister})
}

// expiries: each refresh moves the end on, and none beyond the absolute one.
func expiries(t *testing.T, s store.Store) {
	for name, remember := range map[string]bool{"plain": false, "remembered": true} {
		a := newAccount(name)
		a.session.RememberMe = remember
		idle := lifetimes.Idle
		if remember {
			idle = lifetimes.Remembered
		}
		a.session.ExpiresAt = lifetimes.Expiry(a.session.Session, start)
		equal(t, "first expiry", a.session.ExpiresAt, start.Add(idle))
		if err := a.create(t, s); err != nil {
			t.Fatal(err)
		}
		spent, end := a.session.Refresh, start.Add(lifetimes.Absolute)
		for n := 1; ; n++ {
			at := start.Add(time.Duration(n) * 6 * 24 * time.Hour)
			if !at.Before(end) {
				rotate(t, s, renewal(spent, fmt.Sprint(name, n), at), store.Expired)
				break
			}
			next := fmt.Sprint(name, n)
			rotate(t, s, renewal(spent, next, at), store.Renewed)
			want := at.Add(idle)
			if want.After(end) {
				want = end
			}
			equal(t, "expiry after a refresh", mustSession(t, s, a.session.ID).ExpiresAt, want)
			spent = digest(next)
		}
	}
}

func verdicts(t *testing.T, s store.Store) {
	out := rotate(t, s, renewal(digest("unknown"), "x", start), store.Unknown)
	equal(t, "answer for an unknown token", out, store.Rotated{})

	expiring := mustCreate(t, s, "expiring")
	rotate(t, s, renewal(expiring.session.Refresh, "e2", expiring.session.ExpiresAt), store.Expired)
	rotate(t, s, renewal(expiring.session.Refresh, "e2", expiring.session.ExpiresAt.Add(-time.Millisecond)), store.Renewed)
	renewed := mustSession(t, s, expiring.session.ID).ExpiresAt
	equal(t, "expiry after a refresh at the last moment", renewed, expiring.session.ExpiresAt.Add(lifetimes.Remembered-time.Millisecond))
	rotate(t, s, renewal(digest("e2"), "e3", renewed), store.Expired)

	revoked := mustCreate(t, s, "revoked")
	if _, err := s.RevokeSession(t.Context(), revoked.session.ID, store.Event{Type: store.EventLogout, CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	rotate(t, s, renewal(revoked.session.Refresh, "r2", start), store.Revoked)

	for name, test := range map[string]struct {
		change  store.Change
		verdict store.Verdict
	}{"gone": {store.Delete, store.UserGone}, "disabled": {store.Disable, store.Revoked}} {
		a := newAccount(name)
		test.change(&a.user, start)
		if err := a.create(t, s); err != nil {
			t.Fatal(err)
		}
		rotate(t, s, renewal(a.session.Refresh, name+"2", start), test.verdict)
	}

	// None of them stored a successor.
	for _, successor := range []string{"x", "e3", "r2", "gone2", "disabled2"} {
		rotate(t, s, renewal(digest(successor), "y", start), store.Unknown)
	}
}

// reuse: each way to present a spent token too late ends the whole family,
// and no other.
func reuse(t *testing.T, s store.Store) {
	for _, test := range []struct {
		name    string
		present func(t *testing.T, first store.Digest, name string) store.Rotation
	}{
		{"after the grace", func(_ *testing.T, first store.Digest, name string) store.Rotation {
			return renewal(first, name+"x", start.Add(grace+time.Millisecond))
		}},
		{"after the successor's use", func(t *testing.T, first store.Digest, name string) store.Rotation {
			rotate(t, s, renewal(digest(name+"2"), name+"3", start), store.Renewed)
			return renewal(first, name+"x", start)
		}},
		{"an older ancestor", func(t *testing.T, first store.Digest, name string) store.Rotation {
			rotate(t, s, renewal(digest(name+"2"), name+"3", start), store.Renewed)
			rotate(t, s, renewal(digest(name+"3"), name+"4", start), store.Renewed)
			return renewal(first, name+"x", start)
		}},
		{"without a grace", func(_ *testing.T, first store.Digest, name string) store.Rotation {
			r := renewal(first, name+"x", start)
			r.Grace = -1
			return r
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := mustCreate(t, s, test.name)
			other := newSession(a.user.ID, "other-"+test.name)
			login := store.Event{UserID: a.user.ID, Type: store.EventLogin, CreatedAt: start}
			if err := s.CreateSession(t.Context(), other, login); err != nil {
				t.Fatal(err)
			}
			rotate(t, s, renewal(a.session.Refresh, test.name+"2", start), store.Renewed)

			r := test.present(t, a.session.Refresh, test.name)
			out := rotate(t, s, r, store.Reused)
			equal(t, "session of the answer", out.Session.ID, a.session.ID)
			if mustSession(t, s, a.session.ID).Live(r.Now) {
				t.Error("the family lives on")
			}
			for _, token := range []store.Digest{a.session.Refresh, digest(test.name + "2")} {
				rotate(t, s, renewal(token, "y", start), store.Revoked)
			}
			rotate(t, s, renewal(digest(test.name+"x"), "y", start), store.Unknown)
			rotate(t, s, renewal(other.Refresh, test.name+"other2", start), store.Renewed)

			event := r.Reuse
			event.UserID = a.user.ID
			equal(t, "newest event", mustEvents(t, s, a.user.ID, 1), []store.Event{event})
		})
	}
}

// rotationRace: many who present one token at once get one successor.
func rotationRace(t *testing.T, s store.Store) {
	const racers = 64
	a := mustCreate(t, s, "ann")
	var (
		lock    sync.Mutex
		renewed []string
		sealed  = map[string]int{}
	)
	errs := inParallel(racers, func(i int) error {
		successor := fmt.Sprint("successor", i)
		out, err := s.Rotate(t.Context(), renewal(a.session.Refresh, successor, start))
		lock.Lock()
		defer lock.Unlock()
		switch out.Verdict {
		case store.Renewed:
			renewed = append(renewed, successor)
			sealed["sealed "+successor]++
		case store.Repeated:
			sealed[string(out.Sealed)]++
		default:
			return fmt.Errorf("verdict %v: %w", out.Verdict, err)
		}
		return err
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if len(renewed) != 1 || len(sealed) != 1 || sealed["sealed "+renewed[0]] != racers {
		t.Fatalf("renewed %v, successors %v: want one, the same for all %d", renewed, sealed, racers)
	}
	for i := range racers {
		want := store.Unknown
		if fmt.Sprint("successor", i) == renewed[0] {
			want = store.Renewed
		}
		rotate(t, s, renewal(digest(fmt.Sprint("successor", i)), "next", start), want)
	}
}
