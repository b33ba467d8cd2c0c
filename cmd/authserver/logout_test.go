package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./cmd/authserver -run TestLogoutEverywhere -v -logouts 1000.
var logouts = flag.Int("logouts", 15, "how many sessions TestLogoutEverywhere ends on each database")

// counting counts the requests for a verdict.
type counting struct {
	http.RoundTripper
	validations *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == wire.ValidatePath {
		c.validations.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

// TestLogoutEverywhere ends sessions on one of several servers on one database.
// Backends that verify tokens themselves, each following the feed of one of the
// servers, refuse their tokens without asking about one.
func TestLogoutEverywhere(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL, three servers", func(t *testing.T) {
		t.Parallel()
		logoutEverywhere(t, 3, append(onPostgres(pgtest.New(t)), "PORT=0", "RATE_LIMIT_DISABLED=true"))
	})
	t.Run("SQLite, two servers", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "shared.db")
		logoutEverywhere(t, 2, []string{"SQLITE_PATH=" + file, kekVariable('k'), "PORT=0", "RATE_LIMIT_DISABLED=true"})
	})
}

func logoutEverywhere(t *testing.T, servers int, env []string) {
	var replicas []*process
	for range servers {
		replicas = append(replicas, run(t, t.TempDir(), env...))
	}
	var validations atomic.Int64
	var backends []*client.Client
	for n := range 5 {
		backends = append(backends, backend(t, replicas[n%servers].url, func(c *client.Config) {
			c.HTTPClient.Transport = counting{c.HTTPClient.Transport, &validations}
		}))
	}
	var user wire.RegisterResponse
	replicas[0].call(wire.RegisterPath, `{"email":"ann@example.com","password":"correct horse","name":"Ann"}`, http.StatusCreated, &user)
	var late []time.Duration
	for n := range *logouts {
		at := replicas[n%servers]
		var tokens wire.TokenResponse
		at.call(wire.LoginPath, `{"email":"ann@example.com","password":"correct horse"}`, http.StatusOK, &tokens)
		for _, b := range backends {
			if _, err := b.Verify(t.Context(), tokens.AccessToken); err != nil {
				t.Fatalf("before the logout: %v", err)
			}
		}
		var ended wire.SuccessResponse
		at.call(wire.LogoutPath, fmt.Sprintf(`{"refreshToken":%q}`, tokens.RefreshToken), http.StatusOK, &ended)
		late = append(late, refusedByAll(t, backends, tokens.AccessToken))
	}
	if n := validations.Load(); n != 0 {
		t.Errorf("%d calls to /validate", n)
	}
	slices.Sort(late)
	t.Logf("%d logouts, from the answer until every backend refused: p50 %v, p99 %v, max %v",
		len(late), late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
}

// backend verifies in local mode, as change says, and is up to date.
func backend(t *testing.T, url string, change func(*client.Config)) *client.Client {
	t.Helper()
	transport := &http.Transport{}
	config := client.Config{Issuers: []client.Issuer{{URL: url}}, HTTPClient: &http.Client{Transport: transport}}
	change(&config)
	b, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitFeed(t, "fresh", b)
	return b
}

// awaitFeed waits until the feed of every backend is in a state.
func awaitFeed(t *testing.T, state string, backends ...*client.Client) {
	t.Helper()
	breath := time.NewTicker(5 * time.Millisecond)
	defer breath.Stop()
	for _, b := range backends {
		for b.Stats().Issuers[0].Revocations.State != state {
			select {
			case <-breath.C:
			case <-t.Context().Done():
				t.Fatalf("the feed is not %s: %v", state, t.Context().Err())
			}
		}
	}
}

// refusedByAll is how long it takes until every backend refuses a token.
func refusedByAll(t *testing.T, backends []*client.Client, token string) time.Duration {
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for n, b := range backends {
		all.Go(func() {
			breath := time.NewTicker(5 * time.Millisecond)
			defer breath.Stop()
			for {
				_, err := b.Verify(ctx, token)
				if errors.Is(err, client.ErrRejected) {
					return
				}
				select {
				case <-breath.C:
				case <-ctx.Done():
					t.Errorf("backend %d: %v", n, err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(began)
}
