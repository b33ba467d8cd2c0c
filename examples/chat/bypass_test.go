//go:build !nodevbypass

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/devbypass/ledger"
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
		{row{"optional", server, optionalPath, "", 200, signedIn}, true},
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

// Without an auth server and without a ledger: a ledger of the process charges the developer.
func TestStandInLedger(t *testing.T) {
	t.Parallel()
	discard := slog.New(slog.DiscardHandler)
	on := devbypass.Config{NodeEnv: "development", DevBypassAuth: "true", Logger: discard}
	credits, err := ledger.Client(ledger.New(3), credits.Config{Logger: discard}, on)
	if err != nil {
		t.Fatal(err)
	}
	defer credits.Close()
	nobody := authtest.NewIssuer(t)
	nobody.Refuse()
	verifier, err := client.New(client.Config{Issuers: []client.Issuer{{URL: nobody.URL()}}, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	defer verifier.Close()
	auth, err := devbypass.New(verifier, on)
	if err != nil {
		t.Fatal(err)
	}
	handler := newHandler(auth, credits)
	for _, want := range []int{200, 402} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/completions", strings.NewReader(`{"prompt":"one","maxWords":3}`)))
		if w.Code != want {
			t.Errorf("status %d, want %d: %s", w.Code, want, w.Body)
		}
	}
}

// TestRun reads the environment, and so does not run beside other tests.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, nodeEnv, bypass, key string
		want                       error
	}{
		{"production", "production", "", "key", nil},
		{"production without a service key", "production", "", "", credits.ErrNotConfigured},
		{"G143 bypass in production", "production", "true", "key", devbypass.ErrNotDevelopment},
		{"bypass in development, with the stand-in", "development", "true", "", nil},
		{"bypass in development, with a key", "development", "true", "key", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PORT", "0")
			t.Setenv("NODE_ENV", c.nodeEnv)
			t.Setenv("MANA_AUTH_URL", "https://auth.example.com")
			t.Setenv("DEV_BYPASS_AUTH", c.bypass)
			t.Setenv("APP_ID", "chat")
			t.Setenv("MANA_CORE_SERVICE_KEY", c.key)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // where it starts, it ends at once
			if err := run(ctx); !errors.Is(err, c.want) {
				t.Errorf("run: %v, want %v", err, c.want)
			}
		})
	}
}
