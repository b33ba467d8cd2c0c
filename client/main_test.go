package client_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rig is a client and its issuer on one fake clock.
type rig struct {
	*authtest.Issuer
	t     *testing.T
	clock *authtest.Clock
	auth  *client.Client
}

func newRig(t *testing.T, edit func(*client.Config)) *rig {
	t.Helper()
	clock := authtest.NewClock(epoch)
	r := &rig{Issuer: authtest.NewIssuer(t, authtest.WithClock(clock)), t: t, clock: clock}
	r.auth = r.newClient(edit)
	return r
}

// newClient makes another client of the same issuer.
func (r *rig) newClient(edit func(*client.Config)) *client.Client {
	r.t.Helper()
	config := client.Config{
		Issuers: []client.Issuer{{URL: r.URL()}},
		Clock:   r.clock,
		Timeout: time.Minute, // real time: a busy machine must not look like an outage
		Logger:  slog.New(slog.DiscardHandler),
	}
	if edit != nil {
		edit(&config)
	}
	auth, err := client.New(config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { auth.Close() })
	return auth
}

func (r *rig) verify(token string) error {
	_, err := r.auth.Verify(r.t.Context(), token)
	return err
}

func (r *rig) wantOK(token string) {
	r.t.Helper()
	if err := r.verify(token); err != nil {
		r.t.Fatalf("good token refused: %v", err)
	}
}

func (r *rig) want(token string, kind error) {
	r.t.Helper()
	user, err := r.auth.Verify(r.t.Context(), token)
	if !errors.Is(err, kind) || user != (client.User{}) {
		r.t.Fatalf("got %v, %v; want no user and %v", user, err, kind)
	}
}

// settle waits until the background fetch that the clock may have set off has
// ended: the next one is then planned.
func (r *rig) settle() {
	r.t.Helper()
	if err := r.clock.AwaitTimers(r.t.Context(), 1); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) advance(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	r.settle()
}

func uncached(c *client.Config) { c.Cache.Size = -1 }

const longLife = 20 * time.Hour // within the default MaxLifetime
