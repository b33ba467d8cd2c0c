package authserver

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/internal/wiretest"
)

func (h *harness) session(accessToken string) wire.SessionResponse {
	h.Helper()
	a := h.do("GET", wire.SessionPath, "", "Authorization", "Bearer "+accessToken)
	return decode[wire.SessionResponse](h.T, a, http.StatusOK)
}

func TestSession(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	user := h.register("ann")
	tokens := h.login("ann")
	got := h.session(tokens.AccessToken)
	ip, agent := "127.0.0.1", "Go-http-client/1.1"
	want := wire.SessionResponse{
		User: wire.SessionUser{ID: user.ID, Email: "ann@example.com", Name: "Name of ann", Role: "user"},
		Session: wire.Session{
			ID: h.verdict(tokens.AccessToken).Payload.Sid, IPAddress: &ip, UserAgent: &agent,
			LastActivityAt: "2026-01-02T03:04:05.678Z", CreatedAt: "2026-01-02T03:04:05.678Z",
			ExpiresAt: "2026-01-09T03:04:05.678Z", Current: true,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestSessionRefused(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	good, out, gone := h.login("ann").AccessToken, h.login("ann"), h.register("gone")
	goneToken := h.refreshed(gone.Token).AccessToken
	h.exec("UPDATE users SET deleted_at = 1 WHERE id = ?", gone.ID)
	h.post(wire.LogoutPath, object{"refreshToken": out.RefreshToken})

	const (
		bare    = "Bearer"
		invalid = `Bearer error="invalid_token"`
	)
	for _, test := range []struct {
		name      string
		headers   []string
		code      wire.Code
		message   string
		challenge string
	}{
		{"A125 no token", nil, wire.Unauthorized, "No token provided", bare},
		{"A127 another scheme", []string{"Authorization", "Basic eDp5"}, wire.Unauthorized, "No token provided", bare},
		{"A127 a scheme that begins alike", []string{"Authorization", "BearerX " + good}, wire.Unauthorized, "No token provided", bare},
		{"empty token", []string{"Authorization", "Bearer "}, wire.Unauthorized, "No token provided", bare},
		{"garbage", []string{"Authorization", "Bearer garbage"}, wire.InvalidToken, "Invalid token", invalid},
		{"A128 words behind", []string{"Authorization", "Bearer " + good + " x"}, wire.InvalidRequest, "Malformed Authorization header", ""},
		{"A128 two schemes", []string{"Authorization", "Bearer " + good + ", Basic x"}, wire.InvalidRequest, "Malformed Authorization header", ""},
		{"A129 two headers", []string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, wire.InvalidRequest, "Malformed Authorization header", ""},
		{"logged out", []string{"Authorization", "Bearer " + out.AccessToken}, wire.InvalidToken, "Invalid or expired session", invalid},
		{"user deleted", []string{"Authorization", "Bearer " + goneToken}, wire.InvalidToken, "Invalid or expired session", invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := *h
			h.T = t
			a := h.do("GET", wire.SessionPath, "", test.headers...)
			h.refused(a, test.code, wire.SessionPath, test.message)
			if got := a.header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate %q, want %q", got, test.challenge)
			}
		})
	}
	// A126 the scheme in any case
	if a := h.do("GET", wire.SessionPath, "", "Authorization", "bEaReR "+good); a.status != http.StatusOK {
		t.Errorf("bEaReR: %d", a.status)
	}
	// A130 never from the query
	h.refused(h.do("GET", wire.SessionPath+"?access_token="+good, ""), wire.Unauthorized, wire.SessionPath, "No token provided")
	h.clock.Advance(15 * time.Minute)
	h.refused(h.do("GET", wire.SessionPath, "", "Authorization", "Bearer "+good), wire.TokenExpired, wire.SessionPath, "Invalid token")
}

func TestLogout(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		send func(h *harness, tokens wire.TokenResponse) answer
	}{
		{"bearer", func(h *harness, tokens wire.TokenResponse) answer {
			return h.do("POST", wire.LogoutPath, "", "Authorization", "Bearer "+tokens.AccessToken)
		}},
		{"bearer and an empty object", func(h *harness, tokens wire.TokenResponse) answer {
			return h.post(wire.LogoutPath, "{}", "Authorization", "Bearer "+tokens.AccessToken)
		}},
		{"body", func(h *harness, tokens wire.TokenResponse) answer {
			return h.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken})
		}},
		{"body with a spent token", func(h *harness, tokens wire.TokenResponse) answer {
			h.refreshed(tokens.RefreshToken)
			h.clock.Advance(time.Minute)
			return h.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken})
		}},
		{"body and an expired bearer", func(h *harness, tokens wire.TokenResponse) answer {
			h.clock.Advance(15 * time.Minute)
			return h.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken}, "Authorization", "Bearer "+tokens.AccessToken)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t)
			user := h.register("ann")
			tokens, other := h.login("ann"), h.login("ann")
			h.valid(tokens.AccessToken, "") // and is remembered
			got := decode[wire.SuccessResponse](t, test.send(h, tokens), http.StatusOK)
			if want := (wire.SuccessResponse{Success: true, Message: "Signed out successfully"}); got != want {
				t.Errorf("answer %+v", got)
			}
			h.refused(h.refresh(tokens.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
			if v := h.verdict(tokens.AccessToken); v.Valid {
				t.Error("the access token is still valid")
			}
			h.refreshed(other.RefreshToken)
			if types := h.events(user.ID); !slices.Contains(types, store.EventLogout) {
				t.Errorf("events %v", types)
			}
		})
	}
}

func TestLogoutRefused(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	expired := h.login("ann")
	h.clock.Advance(15 * time.Minute)
	live := h.login("ann")
	h.unchanged(func() {
		h.refused(h.do("POST", wire.LogoutPath, ""), wire.Unauthorized, wire.LogoutPath, "No token provided")
		h.refused(h.post(wire.LogoutPath, "{}"), wire.Unauthorized, wire.LogoutPath, "No token provided")
		h.refused(h.post(wire.LogoutPath, `{"refreshToken":""}`), wire.Unauthorized, wire.LogoutPath, "No token provided")
		h.refused(h.post(wire.LogoutPath, `{"refreshToken":null}`), wire.ValidationFailed, wire.LogoutPath, []string{"refreshToken must be a string"})
		h.refused(h.do("POST", wire.LogoutPath, "", "Authorization", "Bearer garbage"), wire.InvalidToken, wire.LogoutPath, "Invalid token")
		h.refused(h.do("POST", wire.LogoutPath, "", "Authorization", "Bearer "+expired.AccessToken), wire.TokenExpired, wire.LogoutPath, "Invalid token")
		// One that is unknown is as good as logged out.
		decode[wire.SuccessResponse](t, h.post(wire.LogoutPath, `{"refreshToken":"unknown"}`), http.StatusOK)
	})
	h.valid(live.AccessToken, "")
	h.refreshed(live.RefreshToken)
	h.refreshed(expired.RefreshToken)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	user := h.register("ann")
	tokens := h.login("ann")
	got := h.verdict(tokens.AccessToken)
	sid := h.session(tokens.AccessToken).Session.ID
	want := wire.ValidateResponse{Valid: true, Payload: &wire.ValidatePayload{
		Sub: user.ID, Email: "ann@example.com", Role: "user", Sid: sid, SessionID: sid,
		Iss: "manacore", Aud: "manacore", Iat: begin.Unix(), Exp: begin.Unix() + 900,
		Tier: "public", EmailVerified: new(bool),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}

	// What changed in the database by other hands than the server's is seen
	// when the verdict has its age.
	h.exec("UPDATE users SET role = 'admin' WHERE id = ?", user.ID)
	h.clock.Advance(revocation.VerdictAge + time.Second)
	if v := h.verdict(tokens.AccessToken); v.Payload == nil || v.Payload.Role != "admin" {
		t.Errorf("verdict after a change of role %+v", v)
	}
	h.clock.Advance(15*time.Minute - revocation.VerdictAge - 2*time.Second)
	h.valid(tokens.AccessToken, "")
	h.clock.Advance(time.Second)
	h.valid(tokens.AccessToken, wire.ValidateExpired)

	again := h.login("ann")
	h.exec("UPDATE users SET deleted_at = 1 WHERE id = ?", user.ID)
	h.valid(again.AccessToken, ended)
	h.exec("DELETE FROM users WHERE id = ?", user.ID)
	h.valid(again.AccessToken, ended)
}

// TestWire holds the server of each generation to the suite that its stand-in for
// tests passes.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, generation := range []wire.Generation{wire.Generation2025, wire.Generation2026} {
		t.Run(string(generation), func(t *testing.T) {
			t.Parallel()
			h := serverFor(t, func(c *Config) { c.WireGeneration = string(generation) })
			h.register("ann")
			expired := h.login("ann").AccessToken
			h.clock.Advance(time.Hour)
			revoked := h.login("ann")
			h.post(wire.LogoutPath, object{"refreshToken": revoked.RefreshToken})
			always := func(token string) func(testing.TB) string { return func(testing.TB) string { return token } }
			wiretest.Run(t, wiretest.Target{
				BaseURL:    h.url,
				Generation: generation,
				Feed:       true,
				Valid:      always(h.login("ann").AccessToken),
				Expired:    always(expired),
				Revoked:    always(revoked.AccessToken),
				Foreign:    always(signedAnew(t, h.login("ann").AccessToken)),
			})
		})
	}
}

// signedAnew is a token with the signature of a key that no server knows.
func signedAnew(t *testing.T, token string) string {
	t.Helper()
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	input := token[:strings.LastIndexByte(token, '.')]
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(stranger, []byte(input)))
}
