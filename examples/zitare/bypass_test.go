//go:build !nodevbypass

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/devbypass"
)

// A request without a token is the developer's, one with a token is that
// user's, and a bad token is still bad.
func TestBypass(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	discard := slog.New(slog.DiscardHandler)
	verifier, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	defer verifier.Close()
	auth, err := devbypass.New(verifier, devbypass.Config{NodeEnv: "development", DevBypassAuth: "true", Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	handler := newHandler(auth)
	for _, tt := range []struct {
		name, token string
		status      int
		body, mark  string
	}{
		{"no token", "", 200, "dev@example.com", "dev"},
		{"a good token", issuer.Token(), 200, authtest.DefaultEmail, ""},
		{"G143 a bad token", issuer.Token(authtest.OtherKey()), 401, "INVALID_TOKEN", ""},
	} {
		r := httptest.NewRequest("GET", mePath, nil)
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) || w.Header().Get("X-Auth-Bypass") != tt.mark {
			t.Errorf("%s: %d %s, X-Auth-Bypass %q; want %d with %s and %q", tt.name, w.Code, w.Body, w.Header().Get("X-Auth-Bypass"), tt.status, tt.body, tt.mark)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/health", nil))
	if w.Code != http.StatusOK || w.Header().Get("X-Auth-Bypass") != "" {
		t.Errorf("health: %d, X-Auth-Bypass %q", w.Code, w.Header().Get("X-Auth-Bypass"))
	}
}

// TestRunWithBypass reads the environment, and so does not run beside other
// tests.
func TestRunWithBypass(t *testing.T) {
	for nodeEnv, want := range map[string]error{"development": nil, "production": devbypass.ErrNotDevelopment, "": devbypass.ErrNotDevelopment} {
		t.Setenv("PORT", "0")
		t.Setenv("MANA_CORE_AUTH_URL", "http://localhost:3001")
		t.Setenv("NODE_ENV", nodeEnv)
		t.Setenv("DEV_BYPASS_AUTH", "true")
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // where it starts, it ends at once
		if err := run(ctx); !errors.Is(err, want) {
			t.Errorf("NODE_ENV=%q: run: %v; want %v", nodeEnv, err, want)
		}
	}
}
