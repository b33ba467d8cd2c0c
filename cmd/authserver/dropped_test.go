package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// logOf collects a log.
type logOf struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logOf) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logOf) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// guarded is a backend behind a guard, whose calls to the auth server go through
// a relay.
type guarded struct {
	*testing.T
	mode  client.Revocations
	relay *relay
	auth  *client.Client
	log   *logOf
	front *httptest.Server
}

func newGuarded(t *testing.T, server *process, mode client.Revocations) *guarded {
	t.Helper()
	g := &guarded{T: t, mode: mode, relay: newRelay(t, server), log: new(logOf)}
	g.auth = backend(t, g.relay.url, func(c *client.Config) {
		c.Revocations, c.Timeout, c.Logger = mode, time.Second, slog.New(slog.NewTextHandler(g.log, nil))
	})
	g.front = httptest.NewServer(nethttp.Guard(g.auth)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	t.Cleanup(g.front.Close)
	return g
}

// status is the answer to a token.
func (g *guarded) status(token string) int {
	g.Helper()
	request, err := http.NewRequestWithContext(g.Context(), http.MethodGet, g.front.URL, nil)
	if err != nil {
		g.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := g.front.Client().Do(request)
	if err != nil {
		g.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		g.Error(err)
	}
	return answer.StatusCode
}

func (g *guarded) is(token string, want int) {
	g.Helper()
	if got := g.status(token); got != want {
		g.Errorf("%s: status %d, want %d", g.mode, got, want)
	}
}

// TestPacketsAreDropped cuts the network between backends and their auth server
// without a word: connections stay open and nothing passes. With the feed
// required no request that comes three seconds later gets a yes; otherwise the
// backend says that it does not see, and goes on.
func TestPacketsAreDropped(t *testing.T) {
	t.Parallel()
	server := run(t, t.TempDir(), "SQLITE_PATH="+filepath.Join(t.TempDir(), "auth.db"), kekVariable('k'), "PORT=0", "RATE_LIMIT_DISABLED=true")
	var user wire.RegisterResponse
	const credentials = `{"email":"ann@example.com","password":"correct horse"}`
	server.call(wire.RegisterPath, credentials, http.StatusCreated, &user)
	auto, required := newGuarded(t, server, client.RevocationsAuto), newGuarded(t, server, client.RevocationsRequired)
	both := []*guarded{auto, required}
	var stays wire.TokenResponse
	server.call(wire.LoginPath, credentials, http.StatusOK, &stays)
	for round := range *outages {
		var ends wire.TokenResponse
		server.call(wire.LoginPath, credentials, http.StatusOK, &ends)
		for _, g := range both {
			g.is(ends.AccessToken, http.StatusOK)
			g.is(stays.AccessToken, http.StatusOK)
			g.relay.drop()
		}
		cut := time.Now()
		server.send("POST", wire.LogoutPath, "", fmt.Sprintf(`{"refreshToken":%q}`, ends.RefreshToken), http.StatusOK)
		server.until(func() bool {
			asked := time.Now()
			status := required.status(ends.AccessToken)
			if late := asked.Sub(cut); status == http.StatusOK && late > 3*time.Second {
				t.Errorf("required: a yes %v after the cut", late)
			}
			return status == http.StatusServiceUnavailable
		})
		t.Logf("required: the first 503 %v after the cut", time.Since(cut))
		awaitFeed(t, "silent", auto.auth, required.auth)
		server.until(func() bool { return auto.log.count("the revocation feed is silent") == round+1 })
		before := auto.auth.Stats().Issuers[0].Revocations.Unseen
		for range 3 {
			required.is(ends.AccessToken, http.StatusServiceUnavailable)
			required.is(stays.AccessToken, http.StatusServiceUnavailable)
			auto.is(ends.AccessToken, http.StatusOK)
		}
		if unseen := auto.auth.Stats().Issuers[0].Revocations.Unseen - before; unseen != 3 {
			t.Errorf("auto: %d tokens count as unseen, want 3", unseen)
		}
		for _, g := range both {
			g.relay.pass()
		}
		healed := time.Now()
		awaitFeed(t, "fresh", auto.auth, required.auth)
		t.Logf("both feeds fresh %v after the network's return", time.Since(healed))
		for _, g := range both {
			g.is(ends.AccessToken, http.StatusUnauthorized)
			g.is(stays.AccessToken, http.StatusOK)
			server.until(func() bool { return g.log.count("the revocation feed is fresh again") == round+1 })
			if n := g.log.count("the revocation feed is silent"); n != round+1 {
				t.Errorf("%s: %d lines say that the feed is silent, want %d", g.mode, n, round+1)
			}
		}
	}
}
