package client_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

func logTo(out *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}

// A token of the right server for another name than the configured one is a
// mistake of the deployment, and the line about it says what to set.
func TestS27WarnsOfIssuerAndAudience(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		claim authtest.Claim
		want  []string
	}{
		{"iss", authtest.Set("iss", "https://other.example"), []string{"JWT_ISSUER", "https://other.example", "manacore"}},
		{"aud", authtest.Set("aud", "other-app"), []string{"JWT_AUDIENCE", "other-app", "manacore"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := newRig(t, func(c *client.Config) { c.Logger = logTo(&out, slog.LevelWarn) })
			r.wantOK(r.Token()) // the key set is here
			refused := r.Token(row.claim)
			r.want(r.Token(row.claim, authtest.OtherKey()), client.ErrUnauthenticated)
			if out.Len() > 0 {
				t.Errorf("a stranger's token warns: %s", &out)
			}
			r.want(refused, client.ErrClaims)
			r.want(refused, client.ErrClaims)
			line := out.String()
			for _, want := range row.want {
				if !strings.Contains(line, want) {
					t.Errorf("%q is missing in %q", want, line)
				}
			}
			if n := strings.Count(line, "\n"); n != 1 {
				t.Errorf("%d lines within a minute, want 1: %s", n, line)
			}
			r.clock.Advance(time.Minute)
			r.want(refused, client.ErrClaims)
			if n := strings.Count(out.String(), "JWT_"); n != 2 {
				t.Errorf("%d lines after a minute, want 2: %s", n, &out)
			}
			if strings.Contains(out.String(), refused) {
				t.Error("the token is in the log")
			}
		})
	}
}

// With every token refused for its iss, nothing else would fetch the keys that
// tell a mistake from a stranger.
func TestS27WarnsWhereNoTokenEverPassed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRig(t, func(c *client.Config) { c.Logger = logTo(&out, slog.LevelWarn) })
	refused := r.Token(authtest.Set("iss", "https://other.example"))
	r.want(refused, client.ErrClaims)
	if err := r.auth.Ready(t.Context()); err != nil || r.JWKSRequests() != 1 {
		t.Fatalf("%v, %d fetches, want 1", err, r.JWKSRequests())
	}
	r.want(refused, client.ErrClaims)
	if !strings.Contains(out.String(), "JWT_ISSUER") {
		t.Errorf("got %q", &out)
	}
}

func TestS27ReasonsAtDebug(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRig(t, func(c *client.Config) { c.Logger = logTo(&out, slog.LevelDebug) })
	for _, row := range []struct{ name, token, want string }{
		{"none", "", "no token"},
		{"form", "a.b", "not three parts"},
		{"expired", r.Token(authtest.ExpiresIn(-time.Hour)), "token expired"},
		{"signature", r.Token(authtest.OtherKey()), "bad signature"},
		{"kid", r.Token(authtest.UnknownKid()), "unknown signing key"},
		{"iss", r.Token(authtest.Set("iss", "x")), "claims not accepted: iss"},
	} {
		out.Reset()
		r.want(row.token, client.ErrUnauthenticated)
		if got := out.String(); !strings.Contains(got, "level=DEBUG") || !strings.Contains(got, row.want) || row.token != "" && strings.Contains(got, row.token) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestS23CallerWhoGoesIsNoOutage(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		r := newRig(t, func(c *client.Config) { c.Mode = mode })
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 10 {
			if _, err := r.auth.Verify(gone, r.Token(authtest.Subject("someone"))); err == nil {
				break // the keys came meanwhile
			}
		}
		if s := r.auth.Stats(); s.Unavailable != 0 || s.GivenUp == 0 {
			t.Errorf("%s: %d unavailable, %d given up", mode, s.Unavailable, s.GivenUp)
		}
	}
}
