package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// purgeAll drops the sessions that end before an instant, as they are listed, by
// limit at once. It returns how many lists it took and how many sessions went.
func purgeAll(t *testing.T, s store.Store, before time.Time, limit int) (lists, dropped int, err error) {
	for after := ""; ; {
		ends, err := s.SessionEnds(t.Context(), after, limit)
		if err != nil {
			return lists, dropped, err
		}
		if lists++; lists > 1000 {
			return lists, dropped, fmt.Errorf("the lists do not get on behind %q", after)
		}
		var ids []string
		for _, end := range ends {
			after = end.ID
			if end.ExpiresAt.Before(before) || !end.RevokedAt.IsZero() && end.RevokedAt.Before(before) {
				ids = append(ids, end.ID)
			}
		}
		n, err := s.DropSessions(t.Context(), ids, limit)
		dropped += n
		if err != nil || len(ends) < limit {
			return lists, dropped, err
		}
	}
}

// family stores a session that is refreshed at an instant, once or more often,
// and returns its refresh tokens.
func family(t *testing.T, s store.Store, opened session, at time.Time, refreshes int) []store.Digest {
	t.Helper()
	do(t, s, func(tx store.Tx) error { return tx.AddSession(opened.Session, opened.Refresh) })
	tokens := []store.Digest{opened.Refresh}
	for i := range refreshes {
		successor := fmt.Sprint(opened.ID, " token ", i)
		rotate(t, s, renewal(tokens[i], successor, at), store.Renewed)
		tokens = append(tokens, digest(successor))
	}
	return tokens
}

// known checks whether there is a session, and each of its tokens.
func known(t *testing.T, s store.Store, id string, tokens []store.Digest, want bool) {
	t.Helper()
	_, _, err := s.Session(t.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if got := err == nil; got != want {
		t.Errorf("session %s is there: %v, want %v", id, got, want)
	}
	for i, token := range tokens {
		late := renewal(token, "x", start.Add(1000*24*time.Hour)) // so late that it changes nothing
		out := s.Rotate(t.Context(), []store.Rotation{late})[0]
		if out.Err != nil {
			t.Fatal(out.Err)
		}
		if got := out.Verdict != store.Unknown; got != want {
			t.Errorf("token %d of session %s is known: %v, want %v", i, id, got, want)
		}
	}
}

// purgeSessions: what ended before the instant goes, whoever's it is and however
// it ended, and nothing else, in however many lists.
func purgeSessions(t *testing.T, s store.Store) {
	const day = 24 * time.Hour
	end := start.Add(idle) // of what is refreshed at start
	before := end.Add(time.Millisecond)
	type test struct {
		name      string
		refreshed time.Time // sets the end
		refreshes int
		revoked   time.Time // zero: not
		gone      bool
	}
	tests := []test{
		{name: "expired", refreshed: start, refreshes: 4, gone: true},
		{name: "expired, never refreshed", gone: true},
		{name: "expired at the instant", refreshed: start.Add(time.Millisecond), refreshes: 2},
		{name: "live", refreshed: start.Add(day), refreshes: 3},
		{name: "revoked", refreshed: start.Add(day), refreshes: 5, revoked: end, gone: true},
		{name: "revoked at the instant", refreshed: start.Add(day), refreshes: 2, revoked: before},
		{name: "revoked after its expiry", refreshed: start, refreshes: 1, revoked: before.Add(time.Second), gone: true},
	}
	there := 0
	for _, limit := range []int{1, 2, 3, 1000} {
		owner, other := mustCreate(t, s, fmt.Sprint("owner", limit)), mustCreate(t, s, fmt.Sprint("other", limit))
		tokens := map[string][]store.Digest{}
		gone := 2 // the owners' first sessions
		there += 2
		for i, test := range tests {
			session := newSession([]account{owner, other}[i%2].user.ID, fmt.Sprint(test.name, limit))
			tokens[test.name] = family(t, s, session, test.refreshed, test.refreshes)
			there++
			if test.gone {
				gone++
			}
			if test.revoked.IsZero() {
				continue
			}
			mustEnd(t, s, store.Ending{At: test.revoked, SessionID: session.ID})
		}
		events := slices.Concat(mustEvents(t, s, owner.user.ID, 100), mustEvents(t, s, other.user.ID, 100))

		lists, purged, err := purgeAll(t, s, before, limit)
		if err != nil || lists != there/limit+1 || purged != gone {
			t.Errorf("%d sessions by %d: %d went in %d lists, %v; want %d in %d", there, limit, purged, lists, err, gone, there/limit+1)
		}
		there -= gone
		for _, test := range tests {
			known(t, s, fmt.Sprint(test.name, limit), tokens[test.name], !test.gone)
		}
		equal(t, "events", slices.Concat(mustEvents(t, s, owner.user.ID, 100), mustEvents(t, s, other.user.ID, 100)), events)
		if _, purged, err := purgeAll(t, s, before, limit); err != nil || purged != 0 {
			t.Errorf("the second time %d more went, %v", purged, err)
		}
	}
}

// purgeRace: of many who purge at once each session is deleted by one, while
// another session is refreshed.
func purgeRace(t *testing.T, s store.Store) {
	const sessions, purgers, refreshes = 12, 4, 20
	a := mustCreate(t, s, "ann")
	tokens := map[string][]store.Digest{}
	for i := range sessions {
		id := fmt.Sprint("ended", i)
		tokens[id] = family(t, s, newSession(a.user.ID, id), start, i)
	}
	before := start.Add(idle + time.Millisecond)
	rotate(t, s, renewal(a.session.Refresh, "live0", start.Add(time.Hour)), store.Renewed)
	var counts [purgers]int
	errs := inParallel(purgers+1, func(i int) (err error) {
		if i < purgers {
			_, counts[i], err = purgeAll(t, s, before, 3)
			return err
		}
		for n := range refreshes {
			next := renewal(digest(fmt.Sprint("live", n)), fmt.Sprint("live", n+1), before)
			if out := s.Rotate(t.Context(), []store.Rotation{next})[0]; out.Err != nil || out.Verdict != store.Renewed {
				return fmt.Errorf("refresh %d: %v, %w", n, out.Verdict, out.Err)
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	var purged int
	for _, n := range counts {
		purged += n
	}
	if purged != sessions {
		t.Errorf("%v sessions deleted by each, want %d in all", counts, sessions)
	}
	for id, tokens := range tokens {
		known(t, s, id, tokens, false)
	}
	known(t, s, a.session.ID, []store.Digest{a.session.Refresh, digest("live0")}, true)
}
