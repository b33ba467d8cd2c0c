package authserver

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestReadinessDoesNotStampede: a thousand probes ask the database once, get
// what it said for a while, and a caller that leaves takes nobody with it.
func TestReadinessDoesNotStampede(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			asked  atomic.Int64
			answer atomic.Pointer[error]
		)
		say := func(err error) { answer.Store(&err) }
		say(nil)
		quiet := slog.New(slog.DiscardHandler)
		database := pinger(clock.System{}, quiet, nil, func(ctx context.Context) error {
			asked.Add(1)
			select {
			case <-time.After(100 * time.Millisecond):
				return *answer.Load()
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		look := func(ctx context.Context) error { _, err := database.Get(ctx); return err }
		everyone := func(want error) {
			t.Helper()
			gone, leave := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() {
				if err := look(gone); !errors.Is(err, context.Canceled) {
					t.Errorf("a caller that left: %v", err)
				}
			})
			synctest.Wait() // it asks, and the others join
			for range 1000 {
				all.Go(func() {
					if err := look(t.Context()); !errors.Is(err, want) {
						t.Errorf("%v, want %v", err, want)
					}
				})
			}
			synctest.Wait()
			leave()
			all.Wait()
			if err := look(t.Context()); !errors.Is(err, want) { // from memory
				t.Errorf("%v, want %v", err, want)
			}
		}
		everyone(nil)
		time.Sleep(pingFresh)
		down := errors.New("down")
		say(down)
		everyone(down)
		time.Sleep(pingFresh)
		say(nil)
		everyone(nil)
		if n := asked.Load(); n != 3 {
			t.Errorf("the database was asked %d times, want 3", n)
		}

		// One that hangs is down after pingTime.
		hanging := pinger(clock.System{}, quiet, nil, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		if _, err := hanging.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != pingTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestPostgreSQLRestart: while the database is away, readiness is red and
// requests are 503; when it is back, so is everything, with nothing lost.
func TestPostgreSQLRestart(t *testing.T) {
	t.Parallel()
	database := pgtest.NewServer(t)
	h := serverFor(t, on(database.URL()), func(c *Config) { c.Clock = clock.System{} })
	h.register("ann")
	tokens := h.login("ann")
	ready := func(status int) {
		t.Helper()
		for { // what was found a moment ago serves for a moment
			a := h.do("GET", "/health/ready", "")
			if a.status == status {
				return
			}
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ready(http.StatusOK)

	// Clients that go on all the while, each with its chain.
	var (
		all      sync.WaitGroup
		statuses sync.Map
		refused  = make(chan struct{}, 1)
		back     = make(chan struct{})
	)
	for range 4 {
		token := h.login("ann").RefreshToken
		all.Go(func() {
			for over := false; !over; {
				select {
				case <-back:
					over = true
				default:
				}
				a, err := h.try("POST", wire.RefreshPath, `{"refreshToken":"`+token+`"}`)
				if err != nil {
					t.Error(err)
					return
				}
				statuses.Store(a.status, true)
				switch a.status {
				case http.StatusOK:
					token = decode[wire.TokenResponse](t, a, a.status).RefreshToken
				case http.StatusServiceUnavailable:
					over = false // the chain is to go on
					select {
					case refused <- struct{}{}:
					default:
					}
				default:
					t.Errorf("status %d: %s", a.status, a.body)
					return
				}
			}
		})
	}
	database.Stop()
	<-refused
	ready(http.StatusServiceUnavailable)
	if a := h.refresh(tokens.RefreshToken); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" {
		t.Errorf("refresh: %d %v", a.status, a.header)
	}
	database.Start()
	ready(http.StatusOK)
	close(back)
	all.Wait()
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		if _, seen := statuses.Load(status); !seen {
			t.Errorf("no client saw %d", status)
		}
	}
	h.refreshed(tokens.RefreshToken)
}

// TestReadinessOfKeys: keys that cannot be read for longer than a server may
// sign by them are no keys, though the database answers.
func TestReadinessOfKeys(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	db, err := sql.Open("sqlite", h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rename := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	rename(`ALTER TABLE jwks RENAME TO hidden`)
	h.clock.Advance(2 * time.Minute)
	got := decode[wire.Unready](t, h.do("GET", "/health/ready", ""), http.StatusServiceUnavailable)
	if got.Checks["keys"].Status != "down" || got.Checks["database"].Status != "up" {
		t.Errorf("checks %v", got.Checks)
	}
	h.sampled(map[string]string{`authserver_store_errors_total{part="keys"}`: "1", `authserver_signing_key_age_seconds`: "NaN"})
	rename(`ALTER TABLE hidden RENAME TO jwks`)
	h.clock.Advance(time.Second * 2)
	if a := h.do("GET", "/health/ready", ""); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

// TestO12ReadyNeedsWrites: a server whose database can be read and takes nothing
// is not ready.
func TestO12ReadyNeedsWrites(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	token := h.login("ann").AccessToken
	db, err := sql.Open("sqlite", h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if a := h.do("GET", "/health/ready", ""); a.status != http.StatusOK {
		t.Errorf("before: %d %s", a.status, a.body)
	}
	if _, err := db.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil { // nobody else can write
		t.Fatal(err)
	}
	h.clock.Advance(time.Second)
	h.valid(token, "")
	got := decode[wire.Unready](t, h.do("GET", "/health/ready", ""), http.StatusServiceUnavailable)
	if got.Checks["database"].Status != "down" {
		t.Errorf("checks %v", got.Checks)
	}
	if _, err := db.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Second)
	if a := h.do("GET", "/health/ready", ""); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
