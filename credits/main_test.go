package credits_test

import (
	"crypto/fips140"
	"crypto/rand"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
)

func TestMain(m *testing.M) {
	if fips140.Enforced() {
		gatherEntropy()
	}
	goleak.VerifyTestMain(m)
}

// gatherEntropy has FIPS 140-3 collect what the tests need before they run: it does
// so by a clock, which stands still in a bubble. What is collected is kept in a
// pool, which the garbage collector would empty.
func gatherEntropy() {
	debug.SetGCPercent(-1)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 1000 {
				_ = rand.Text()
			}
		})
	}
	wg.Wait()
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const ada = "ada"

// rig is a client and its ledger, whose clock the test moves.
type rig struct {
	*authtest.Issuer
	t      *testing.T
	clock  *authtest.Clock
	ledger *credits.Client
}

func newRig(t *testing.T, edit func(*credits.Config)) *rig {
	t.Helper()
	clock := authtest.NewClock(epoch)
	r := &rig{Issuer: authtest.NewIssuer(t, authtest.WithClock(clock)), t: t, clock: clock}
	r.ledger = r.newClient(edit)
	return r
}

func (r *rig) config() credits.Config {
	return credits.Config{
		URL: r.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey,
		Timeout: time.Minute, Attempt: time.Minute, // a busy machine must not look like an outage
		HTTPClient: r.HTTPClient(),
		Clock:      instant{},
		Breaker:    client.BreakerConfig{Failures: 1000}, // each request meets the fault itself
		Logger:     slog.New(slog.DiscardHandler),
	}
}

// newClient makes another client of the same ledger.
func (r *rig) newClient(edit func(*credits.Config)) *credits.Client {
	r.t.Helper()
	config := r.config()
	if edit != nil {
		edit(&config)
	}
	ledger, err := credits.New(config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ledger.Close() })
	return ledger
}

// instant is a clock on which no wait takes time.
type instant struct{}

func (instant) Now() time.Time { return time.Now() }

func (instant) AfterFunc(_ time.Duration, f func()) func() bool {
	f()
	return func() bool { return false }
}

// has holds what the user may spend, and what is reserved, against the ledger
// itself.
func (r *rig) has(available, reserved int64) {
	r.t.Helper()
	if a, held := r.Credits(ada); a != available || held != reserved {
		r.t.Errorf("%d available and %d reserved, want %d and %d", a, held, available, reserved)
	}
}

func (r *rig) fails(err, kind error) {
	r.t.Helper()
	if !errors.Is(err, kind) {
		r.t.Errorf("error %v, want %v", err, kind)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
