package authserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/background"
	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestPurge: what ended longer ago than sessions are kept is gone within the
// hour, and its tokens are strangers; until then they get the usual answer.
func TestPurge(t *testing.T) {
	t.Parallel()
	const keep = 2 * day
	for name, change := range map[string]func(t *testing.T, c *Config){
		"SQLite":     func(*testing.T, *Config) {},
		"PostgreSQL": func(t *testing.T, c *Config) { on(pgtest.New(t))(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t, func(c *Config) { c.Sessions.Retention = keep }, func(c *Config) { change(t, c) })
			h.register("ann")
			expired := h.login("ann")
			tokens := []string{expired.RefreshToken, h.refreshed(expired.RefreshToken).RefreshToken}
			revoked := h.login("ann")
			tokens = append(tokens, revoked.RefreshToken)
			h.post(wire.LogoutPath, object{"refreshToken": revoked.RefreshToken})
			events := h.events(h.verdict(expired.AccessToken).Payload.Sub)

			h.clock.Advance(keep) // all but an hour of the time
			h.refused(h.refresh(revoked.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
			h.sampled(map[string]string{`authserver_sessions_purged_total`: "0"})
			h.clock.Advance(purgeEvery)
			h.sampled(map[string]string{`authserver_sessions_purged_total`: "1"}) // the one that was revoked
			live := h.login("ann")

			h.clock.Advance(7*day - purgeEvery) // the others expired keep ago
			for _, token := range tokens[:2] {
				h.refused(h.refresh(token), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
			}
			h.clock.Advance(purgeEvery)
			h.sampled(map[string]string{`authserver_sessions_purged_total`: "3", `authserver_store_errors_total{part="retention"}`: "0"})
			for _, token := range tokens {
				h.refused(h.refresh(token), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
				h.post(wire.LogoutPath, object{"refreshToken": token})
			}
			h.valid(expired.AccessToken, wire.ValidateExpired)
			h.refused(h.do("GET", wire.SessionPath, "", "Authorization", "Bearer "+expired.AccessToken),
				wire.TokenExpired, wire.SessionPath, "Invalid token")
			h.refused(h.refresh(live.RefreshToken), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
			want := append([]string{store.EventLogin}, events...)
			if diff := cmp.Diff(want, h.events(h.verdict(h.login("ann").AccessToken).Payload.Sub)[1:]); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if log := h.log.String(); strings.Contains(log, "level=ERROR") {
				t.Errorf("errors in the log:\n%s", log)
			}
		})
	}
}

// TestPurgeNever: a server that is told to keeps sessions for ever.
func TestPurgeNever(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Sessions.Retention, c.Keys.Rotation = -1, -1 })
	token := h.register("ann").Token
	h.unchanged(func() { h.clock.Advance(10 * 366 * day) })
	h.refused(h.refresh(token), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
}

// pages is a store of hundreds of sessions that ended long ago, of which each
// hundred has an answer to their deletion.
type pages struct {
	store.Store
	asked   []string
	answers map[string]page // by the id behind which it begins
}

type page struct {
	last    bool
	dropped int
	err     error
}

func (p *pages) SessionEnds(_ context.Context, after string, limit int) ([]store.SessionEnd, error) {
	p.asked = append(p.asked, after)
	if p.answers[after].last {
		limit--
	}
	list := make([]store.SessionEnd, limit)
	for i := range list {
		list[i] = store.SessionEnd{ID: next(after) + fmt.Sprintf("%02d", i), ExpiresAt: begin.Add(-365 * day)}
	}
	return list, nil
}

// next is the letter of the page behind an id.
func next(after string) string {
	if after == "" {
		return "a"
	}
	return string(rune(after[0] + 1))
}

func (p *pages) DropSessions(context.Context, []string, int) (int, error) {
	a := p.answers[p.asked[len(p.asked)-1]]
	return a.dropped, a.err
}

// TestPurgeFails: sessions that cannot be deleted keep no others from it, and
// are told of once a round; the next round comes all the same.
func TestPurgeFails(t *testing.T) {
	t.Parallel()
	log, clock := &logBuffer{}, clocktest.New(begin)
	source := &pages{answers: map[string]page{
		"":    {dropped: 2},
		"a99": {dropped: 1, err: errors.New("first fault")},
		"b99": {err: errors.New("second fault")},
		"c99": {dropped: 3, last: true},
	}}
	counted := meter.New(nil)
	people := identity.New(identity.Config{Store: source, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	defer people.Close()
	work := background.New(background.Config{Clock: clock})
	defer work.Close()
	work.Every("purge sessions", purgeEvery, purge{
		people: people, clock: clock, log: slog.New(slog.NewTextHandler(log, nil)), meter: counted, keep: 30 * day,
	}.run)
	for round := range 2 {
		clock.Advance(purgeEvery)
		if want := slices.Repeat([]string{"", "a99", "b99", "c99"}, round+1); !slices.Equal(source.asked, want) {
			t.Errorf("asked for what is behind %q, want %q", source.asked, want)
		}
	}
	if n := strings.Count(log.String(), "first fault"); n != 2 || strings.Contains(log.String(), "second fault") {
		t.Errorf("the log:\n%s", log)
	}
	h := &harness{T: t, server: &Server{meter: counted}}
	h.sampled(map[string]string{`authserver_sessions_purged_total`: "12", `authserver_store_errors_total{part="retention"}`: "2"})
}
