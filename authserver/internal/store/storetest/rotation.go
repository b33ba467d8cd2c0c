package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// idle is by how long a refresh moves on the end of a session here.
const idle = 30 * 24 * time.Hour

// renewal asks to exchange the token spent for one called successor, by a rule
// that reads all that a database knows of the token.
func renewal(spent store.Digest, successor string, now time.Time) store.Rotation {
	return store.Rotation{
		Spent: spent, Successor: digest(successor), Sealed: []byte("sealed " + successor), Now: now,
		Judge: func(p store.Presented) store.Decision {
			return store.Decision{Verdict: verdict(p, now), ExpiresAt: now.Add(idle)}
		},
	}
}

func verdict(p store.Presented, now time.Time) store.Verdict {
	switch {
	case p.User.Deleted():
		return store.UserGone
	case !p.Session.RevokedAt.IsZero() || !p.User.Active():
		return store.Revoked
	case !p.Session.Live(now):
		return store.Expired
	case p.SpentAt.IsZero():
		return store.Renewed
	case p.SuccessorSpent || now.Sub(p.SpentAt) > grace:
		return store.Reused
	}
	return store.Repeated
}

// rotate presents a token and checks the verdict.
func rotate(t *testing.T, s store.Store, r store.Rotation, want store.Verdict) store.Rotated {
	t.Helper()
	out := s.Rotate(t.Context(), []store.Rotation{r})[0]
	if out.Err != nil {
		t.Fatalf("Rotate: %v", out.Err)
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
	want.LastActivityAt, want.ExpiresAt = at, at.Add(idle)
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

func verdicts(t *testing.T, s store.Store) {
	out := rotate(t, s, renewal(digest("unknown"), "x", start), store.Unknown)
	equal(t, "answer for an unknown token", out, store.Rotated{})

	expiring := mustCreate(t, s, "expiring")
	rotate(t, s, renewal(expiring.session.Refresh, "e2", expiring.session.ExpiresAt), store.Expired)
	rotate(t, s, renewal(expiring.session.Refresh, "e2", expiring.session.ExpiresAt.Add(-time.Millisecond)), store.Renewed)
	renewed := mustSession(t, s, expiring.session.ID).ExpiresAt
	equal(t, "expiry after a refresh at the last moment", renewed, expiring.session.ExpiresAt.Add(idle-time.Millisecond))
	rotate(t, s, renewal(digest("e2"), "e3", renewed), store.Expired)

	revoked := mustCreate(t, s, "revoked")
	mustEnd(t, s, store.Ending{At: start, SessionID: revoked.session.ID})
	rotate(t, s, renewal(revoked.session.Refresh, "r2", start), store.Revoked)

	for name, test := range map[string]struct {
		change  func(u *store.User)
		verdict store.Verdict
	}{
		"gone":     {func(u *store.User) { u.DeletedAt = start }, store.UserGone},
		"disabled": {func(u *store.User) { u.DisabledAt = start }, store.Revoked},
	} {
		a := newAccount(name)
		test.change(&a.user)
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

// reuse: each way to present a spent token too late is told, and changes
// nothing. Whoever hears of it ends the whole family, and no other.
func reuse(t *testing.T, s store.Store) {
	var revoked []string
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
	} {
		t.Run(test.name, func(t *testing.T) {
			a := mustCreate(t, s, test.name)
			other := mustLogin(t, s, a.user.ID, "other-"+test.name)
			rotate(t, s, renewal(a.session.Refresh, test.name+"2", start), store.Renewed)

			r := test.present(t, a.session.Refresh, test.name)
			session, events := mustSession(t, s, a.session.ID), mustEvents(t, s, a.user.ID, 10)
			for range 2 {
				out := rotate(t, s, r, store.Reused)
				equal(t, "session of the answer", out.Session, session)
				equal(t, "user of the answer", out.User, a.user)
			}
			equal(t, "session as stored", mustSession(t, s, a.session.ID), session)
			equal(t, "events", mustEvents(t, s, a.user.ID, 10), events)
			told(t, s, revoked...)

			for _, want := range [][]string{{a.session.ID}, nil} { // the second time another call was first
				which := store.Ending{At: start.Add(1000 * 24 * time.Hour), SessionID: a.session.ID}
				equal(t, "ended", mustEnd(t, s, which), want)
			}
			revoked = append(revoked, a.session.ID)
			if mustSession(t, s, a.session.ID).Live(r.Now) {
				t.Error("the family lives on")
			}
			for _, token := range []store.Digest{a.session.Refresh, digest(test.name + "2")} {
				rotate(t, s, renewal(token, "y", start), store.Revoked)
			}
			rotate(t, s, renewal(digest(test.name+"x"), "y", start), store.Unknown)
			rotate(t, s, renewal(other.Refresh, test.name+"other2", start), store.Renewed)
		})
	}
}

// rotationsTogether: tokens that are presented in one call are judged as if one
// came after the other, and none stands in another's way.
func rotationsTogether(t *testing.T, s store.Store) {
	tokens := map[string]store.Digest{} // by session
	for _, name := range []string{"ann", "bob", "current first", "ancestor first"} {
		tokens[name] = mustCreate(t, s, name).session.Refresh
	}
	for _, name := range []string{"current first", "ancestor first"} {
		rotate(t, s, renewal(tokens[name], name+"2", start), store.Renewed)
		rotate(t, s, renewal(digest(name+"2"), name+"3", start), store.Renewed)
	}
	expired := newAccount("expired")
	expired.session.ExpiresAt = start
	if err := expired.create(t, s); err != nil {
		t.Fatal(err)
	}
	asked := []struct {
		spent     store.Digest
		successor string
		want      store.Verdict
		sealed    string
	}{
		{tokens["ann"], "a2", store.Renewed, ""},
		{digest("unknown"), "x1", store.Unknown, ""},
		{tokens["ann"], "x2", store.Repeated, "sealed a2"},
		{digest("current first3"), "c4", store.Renewed, ""},
		{tokens["current first"], "x3", store.Reused, ""},
		{tokens["current first"], "x4", store.Reused, ""},
		{tokens["ancestor first"], "x5", store.Reused, ""},
		{digest("ancestor first3"), "p4", store.Renewed, ""},
		{expired.session.Refresh, "x6", store.Expired, ""},
		{tokens["bob"], "b2", store.Renewed, ""},
		{tokens["ann"], "x7", store.Repeated, "sealed a2"},
	}
	var rotations []store.Rotation
	for _, a := range asked {
		rotations = append(rotations, renewal(a.spent, a.successor, start))
	}
	for i, out := range s.Rotate(t.Context(), rotations) {
		if a := asked[i]; out.Err != nil || out.Verdict != a.want || string(out.Sealed) != a.sealed {
			t.Errorf("%d: %v %q, %v; want %v %q", i, out.Verdict, out.Sealed, out.Err, a.want, a.sealed)
		}
	}
	live(t, s, map[string]bool{
		"session-ann": true, "session-bob": true, "session-current first": true, "session-ancestor first": true,
	})
	for _, successor := range []string{"a2", "b2", "c4", "p4"} {
		rotate(t, s, renewal(digest(successor), successor+"next", start), store.Renewed)
	}
	for i := range 7 {
		rotate(t, s, renewal(digest(fmt.Sprint("x", 1+i)), "y", start), store.Unknown)
	}
	for _, name := range []string{"current first", "ancestor first"} {
		equal(t, "events", eventTypes(t, s, "user-"+name), []string{store.EventRegister})
	}
	if out := s.Rotate(t.Context(), nil); len(out) != 0 {
		t.Errorf("%v for no question", out)
	}
}

// rotationFault: what the database could not answer is an error of each token,
// and changes nothing. What it does not take harms the token that it is about.
func rotationFault(t *testing.T, s store.Store) {
	a, b := mustCreate(t, s, "ann"), mustCreate(t, s, "bob")
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, out := range s.Rotate(gone, []store.Rotation{renewal(a.session.Refresh, "x", start), renewal(digest("unknown"), "y", start)}) {
		if out.Err == nil || out.Verdict != store.Unknown || out.Session.ID != "" {
			t.Errorf("%+v, want an error", out)
		}
	}
	impossible := renewal(a.session.Refresh, "x", start)
	impossible.Successor = b.session.Refresh
	answers := RotateTogether(t, s, impossible, renewal(b.session.Refresh, "b2", start))
	if answers[0].Err == nil || answers[1].Err != nil || answers[1].Verdict != store.Renewed {
		t.Errorf("a successor that there is already: %+v; beside it: %+v", answers[0], answers[1])
	}
	rotate(t, s, renewal(a.session.Refresh, "a2", start), store.Renewed)
	rotate(t, s, renewal(digest("b2"), "b3", start), store.Renewed)
}

// rotationRace: many who present one token at once, in calls of some of them,
// get one successor. The first round may find connections that have yet to be
// made, and so little of a race.
func rotationRace(t *testing.T, s store.Store) {
	a := mustCreate(t, s, "ann")
	spent := a.session.Refresh
	for round := range 4 {
		spent = digest(raceForSuccessor(t, s, spent, fmt.Sprint("round ", round, " ")))
	}
	rotate(t, s, renewal(spent, "last", start), store.Renewed)
}

// SealedOnce renews a session twice and checks what count finds: the number of
// sealed successors that the database holds, of which one can be asked for.
func SealedOnce(t *testing.T, s store.Store, count func() (int, error)) {
	t.Helper()
	a := mustCreate(t, s, "ann")
	rotate(t, s, renewal(a.session.Refresh, "second", start), store.Renewed)
	rotate(t, s, renewal(digest("second"), "third", start), store.Renewed)
	if n, err := count(); n != 1 || err != nil {
		t.Errorf("%d sealed successors, %v; want 1", n, err)
	}
}

// rotateFree rotates, and asks again for those whose session another transaction
// holds.
func rotateFree(ctx context.Context, s store.Store, asked []store.Rotation) []store.Rotated {
	answers := s.Rotate(ctx, asked)
	for i := range answers {
		for errors.Is(answers[i].Err, groupcommit.ErrHeld) {
			answers[i] = s.Rotate(ctx, asked[i:i+1])[0]
		}
	}
	return answers
}

// raceForSuccessor returns the one that won.
func raceForSuccessor(t *testing.T, s store.Store, spent store.Digest, name string) string {
	t.Helper()
	const racers, together = 64, 4
	var (
		lock    sync.Mutex
		renewed []string
		sealed  = map[string]int{}
	)
	errs := inParallel(racers/together, func(i int) error {
		var asked []store.Rotation
		for n := range together {
			asked = append(asked, renewal(spent, fmt.Sprint(name, i*together+n), start))
		}
		answers := rotateFree(t.Context(), s, asked)
		lock.Lock()
		defer lock.Unlock()
		for n, out := range answers {
			successor := fmt.Sprint(name, i*together+n)
			switch out.Verdict {
			case store.Renewed:
				renewed = append(renewed, successor)
				sealed["sealed "+successor]++
			case store.Repeated:
				sealed[string(out.Sealed)]++
			default:
				return fmt.Errorf("verdict %v: %w", out.Verdict, out.Err)
			}
		}
		return nil
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
		if successor := fmt.Sprint(name, i); successor != renewed[0] {
			rotate(t, s, renewal(digest(successor), "next", start), store.Unknown)
		}
	}
	return renewed[0]
}
