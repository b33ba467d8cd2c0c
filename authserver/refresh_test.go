package authserver

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestRefresh(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	first := h.login("ann")
	h.clock.Advance(10 * time.Minute)
	second := h.refreshed(first.RefreshToken)
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("a refresh hands out the old tokens")
	}
	if second.User != first.User || second.ExpiresIn != 900 || second.TokenType != "Bearer" {
		t.Errorf("answer %+v", second)
	}
	was, is := h.verdict(first.AccessToken), h.verdict(second.AccessToken)
	if was.Payload == nil || is.Payload == nil || was.Payload.Sid != is.Payload.Sid {
		t.Errorf("the session changed: %+v, %+v", was, is)
	}
	third := h.refreshed(second.RefreshToken)
	h.valid(third.AccessToken, "")
}

func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	const invalid = "Invalid refresh token"
	for _, test := range []struct {
		name    string
		prepare func(h *harness, first wire.TokenResponse) (present string)
		code    wire.Code
		message string
		theft   bool
	}{
		{"unknown", func(*harness, wire.TokenResponse) string { return "nonsense" }, wire.InvalidToken, invalid, false},
		{"empty", func(*harness, wire.TokenResponse) string { return "" }, wire.InvalidToken, invalid, false},
		{"A98 an access token", func(_ *harness, first wire.TokenResponse) string { return first.AccessToken }, wire.InvalidToken, invalid, false},
		{"another spelling", func(_ *harness, first wire.TokenResponse) string { return first.RefreshToken + "=" }, wire.InvalidToken, invalid, false},
		{"A167 expired", func(h *harness, first wire.TokenResponse) string {
			h.clock.Advance(7 * 24 * time.Hour)
			return first.RefreshToken
		}, wire.TokenExpired, "Refresh token expired", false},
		{"A166 user deleted", func(h *harness, first wire.TokenResponse) string {
			h.exec("UPDATE users SET deleted_at = 1")
			return first.RefreshToken
		}, wire.InvalidToken, "User not found", false},
		{"A166 logged out", func(h *harness, first wire.TokenResponse) string {
			h.post(wire.LogoutPath, object{"refreshToken": first.RefreshToken})
			return first.RefreshToken
		}, wire.InvalidToken, invalid, false},
		{"A163 after the grace", func(h *harness, first wire.TokenResponse) string {
			h.refreshed(first.RefreshToken)
			h.clock.Advance(30*time.Second + time.Millisecond)
			return first.RefreshToken
		}, wire.InvalidToken, invalid, true},
		{"A163 after the successor's use", func(h *harness, first wire.TokenResponse) string {
			h.refreshed(h.refreshed(first.RefreshToken).RefreshToken)
			return first.RefreshToken
		}, wire.InvalidToken, invalid, true},
		{"A163 an older ancestor", func(h *harness, first wire.TokenResponse) string {
			second := h.refreshed(first.RefreshToken)
			h.refreshed(h.refreshed(second.RefreshToken).RefreshToken)
			return first.RefreshToken
		}, wire.InvalidToken, invalid, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t)
			user := h.register("ann")
			first, other := h.login("ann"), h.login("ann")
			present := test.prepare(h, first)
			h.refused(h.refresh(present), test.code, wire.RefreshPath, test.message)
			if got := slices.Contains(h.events(user.ID), store.EventRefreshReuse); got != test.theft {
				t.Errorf("event of reuse: %v, want %v", got, test.theft)
			}
			if !test.theft {
				return
			}
			h.valid(first.AccessToken, ended)
			h.valid(other.AccessToken, "")
			h.refreshed(other.RefreshToken)
			h.refused(h.refresh(present), wire.InvalidToken, wire.RefreshPath, invalid)
		})
	}
}

// TestRefreshGrace: a client that lost the answer retries after 1, 2 and 5 s
// with the old token and gets the same successor, not a second chance.
func TestRefreshGrace(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	first := h.login("ann")
	lost := h.refreshed(first.RefreshToken)
	for _, wait := range []time.Duration{0, time.Second, 2 * time.Second, 5 * time.Second, 22 * time.Second} {
		h.clock.Advance(wait)
		again := h.refreshed(first.RefreshToken)
		if again.RefreshToken != lost.RefreshToken {
			t.Fatalf("%v later: another successor", wait)
		}
		h.valid(again.AccessToken, "")
	}
	h.refreshed(lost.RefreshToken)
}

func TestNoGrace(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Sessions.RefreshGrace = -1 })
	first := h.register("ann").Token
	h.refreshed(first)
	h.refused(h.refresh(first), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
}

// I167: a session ends when nobody refreshes it, later if it is to be
// remembered, and in the end however often it is refreshed.
func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, idle := range map[string]time.Duration{"plain": 7 * day, "remembered": 30 * day} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t)
			h.register("ann")
			login := func() wire.TokenResponse {
				a := h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword, "rememberMe": name == "remembered"})
				return decode[wire.TokenResponse](t, a, http.StatusOK)
			}
			tokens := login()
			for age := idle - day; age < 180*day; age += idle - day {
				h.clock.Advance(idle - day)
				tokens = h.refreshed(tokens.RefreshToken)
			}
			h.clock.Advance(idle)
			h.refused(h.refresh(tokens.RefreshToken), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")

			tokens = login()
			h.clock.Advance(idle)
			h.refused(h.refresh(tokens.RefreshToken), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
		})
	}
}

// No access token outlives its session.
func TestAccessTokenEndsWithItsSession(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) {
		c.Sessions.RefreshTTL, c.Sessions.RememberMeTTL, c.Sessions.TTL = time.Hour, time.Hour, time.Hour
	})
	h.register("ann")
	tokens := h.login("ann")
	h.clock.Advance(59 * time.Minute)
	tokens = h.refreshed(tokens.RefreshToken)
	if tokens.ExpiresIn != 60 {
		t.Errorf("expiresIn %d a minute before the session ends", tokens.ExpiresIn)
	}
	h.valid(tokens.AccessToken, "")
	h.clock.Advance(time.Minute)
	h.valid(tokens.AccessToken, wire.ValidateExpired)
	h.refused(h.refresh(tokens.RefreshToken), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
}

// TestO30SessionTTL: a session ends Sessions.TTL after its login, however often it
// is refreshed, and says what an expired token says.
func TestO30SessionTTL(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) {
		c.Sessions.RefreshTTL, c.Sessions.RememberMeTTL, c.Sessions.TTL = 7*day, 7*day, 10*day
	})
	h.register("ann")
	tokens := h.login("ann")
	for range 2 {
		h.clock.Advance(4 * day)
		tokens = h.refreshed(tokens.RefreshToken)
	}
	h.clock.Advance(2*day - time.Second)
	tokens = h.refreshed(tokens.RefreshToken)
	h.clock.Advance(time.Second)
	h.refused(h.refresh(tokens.RefreshToken), wire.TokenExpired, wire.RefreshPath, "Refresh token expired")
}
