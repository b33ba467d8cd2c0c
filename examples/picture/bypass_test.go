//go:build !nodevbypass

package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/devbypass"
)

const developer = `{"userId":"00000000-0000-0000-0000-000000000000","email":"dev@example.com","role":"user","sessionId":"dev-session"}`

func TestBypass(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	server := start(t, issuer, devbypass.Config{NodeEnv: "development", DevBypassAuth: "true", Logger: slog.New(slog.DiscardHandler)})
	for _, c := range []struct {
		row
		marked bool // as passed by the bypass
	}{
		{row{"me", server, mePath, "", 200, developer}, true},
		{row{"optional", server, optionalPath, "", 200, "a draft of dev@example.com"}, true},
		{row{"a public route names nobody", server, "/health", "", 200, `{"status":"ok"}`}, false},
		{row{"a real token wins", server, mePath, issuer.Token(), 200, me}, false},
		{row{"G143 a bad token is still bad", server, mePath, issuer.Token(authtest.OtherKey()), 401, `"INVALID_TOKEN"`}, false},
		{row{"no admin", server, adminPath, "", 403, `"FORBIDDEN"`}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := c.check(t)
			if got := header.Get("X-Auth-Bypass"); (got == "dev") != c.marked {
				t.Errorf("X-Auth-Bypass: %q", got)
			}
		})
	}
}

// TestRun reads the environment, and so does not run beside other tests.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, nodeEnv, bypass string
		want                  error
	}{
		{"production", "production", "", nil},
		{"G143 bypass in production", "production", "true", devbypass.ErrNotDevelopment},
		{"bypass in development", "development", "true", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PORT", "0")
			t.Setenv("NODE_ENV", c.nodeEnv)
			t.Setenv("MANA_AUTH_URL", "https://auth.example.com")
			t.Setenv("DEV_BYPASS_AUTH", c.bypass)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // where it starts, it ends at once
			if err := run(ctx); !errors.Is(err, c.want) {
				t.Errorf("run: %v, want %v", err, c.want)
			}
		})
	}
}
