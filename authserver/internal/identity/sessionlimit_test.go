package identity

import (
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// TestO1SessionLimit: a user has at most so many live sessions. The login that
// exceeds the limit ends the one that is idle longest, and says so.
func TestO1SessionLimit(t *testing.T) {
	eachStore(t, nil, func(h *house) {
		h.config.MaxSessions = 3
		user := h.register("ann")
		h.register("bob")
		other := h.login("bob")
		var sessions []Tokens
		for range 2 {
			h.clock.Advance(time.Minute)
			sessions = append(sessions, h.login("ann"))
		}
		h.clock.Advance(time.Minute)
		sessions[0] = h.refresh(sessions[0].Refresh) // the second one is idle longest then
		for range 2 {                                // the session of the registration goes, and then that one
			h.clock.Advance(time.Minute)
			sessions = append(sessions, h.login("ann"))
		}
		list, err := h.Sessions(h.Context(), user.ID)
		if err != nil {
			h.Fatal(err)
		}
		h.equal("live sessions", len(list), 3)
		for i, lives := range []bool{true, false, true, true} {
			if _, err := h.Authenticate(h.Context(), sessions[i].Access); (err == nil) != lives {
				h.Errorf("session %d: %v, lives: %v", i, err, lives)
			}
		}
		h.caller(other.Access)
		h.equal("sessions that this server was told of", len(h.told.ended), 2)
		h.equal("revocations", len(h.revocations()), 2)
		var limited int
		for _, kind := range h.log(user.ID) {
			if kind == store.EventSessionLimit {
				limited++
			}
		}
		h.equal("events", limited, 2)

		// What has expired does not count.
		h.clock.Advance(8 * 24 * time.Hour)
		for range 3 {
			h.login("ann")
		}
		h.equal("revocations", len(h.revocations()), 2)
	})
}

// TestBeyond: a login ends a bounded number, never its own session.
func TestBeyond(t *testing.T) {
	t.Parallel()
	session := func(id string, idle time.Duration) store.Session {
		return store.Session{ID: id, LastActivityAt: begin.Add(-idle), ExpiresAt: begin.Add(time.Hour)}
	}
	list := []store.Session{session("a", 1), session("new", 9), session("b", 3), session("c", 2), session("d", 3)}
	over := session("over", 99)
	over.ExpiresAt = begin
	list = append(list, over)
	for limit, want := range map[int][]string{1: {"b", "d", "c", "a"}, 2: {"b", "d", "c"}, 4: {"b"}, 5: nil, 9: nil} {
		var got []string
		for _, s := range beyond(list, "new", limit, begin) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v, want %v", limit, got, want)
		}
	}
}
