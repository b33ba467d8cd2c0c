package guardtest

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// keyLife is how long a key set is fresh: the least that a client accepts.
const keyLife = 30 * time.Second

// timeout is the clients' Timeout: short where the fault is to answer nothing,
// and else longer than any answer takes on a machine under load.
func timeout(fault authtest.Fault) time.Duration {
	if fault == authtest.TimedOut || fault == authtest.SlowDrip {
		return time.Second
	}
	return time.Minute
}

// RunFaults runs the matrix of faultTable: the real client behind the guard,
// during every fault of the auth server, over real HTTP.
func RunFaults(t *testing.T, build Build) {
	t.Helper()
	for _, fault := range authtest.Faults() {
		t.Run(string(fault), func(t *testing.T) { t.Parallel(); runFault(t, build, fault) })
	}
}

// runFault runs the cells of one fault. They share the issuer, and wait for
// its silence together.
func runFault(t *testing.T, build Build, fault authtest.Fault) {
	expected, ok := faultTable[fault]
	if !ok {
		t.Fatal("the fault is not in the table")
	}
	var options []authtest.Option
	if fault == authtest.TLSError { // without TLS the others cost half the time
		options = append(options, authtest.WithTLS())
	}
	issuer := authtest.NewIssuer(t, options...)
	issuer.MaxAge(keyLife)
	var cells []*cell
	for i, mode := range modes {
		for held, status := range expected[i] {
			c := &cell{mode: mode, held: keysHeld(held), status: status}
			c.start(t, build, issuer, timeout(fault))
			cells = append(cells, c)
		}
	}
	issuer.Break(fault)
	var group sync.WaitGroup
	for _, c := range cells {
		group.Go(func() { c.ask(issuer) })
	}
	group.Wait()
	for _, c := range cells {
		t.Run(c.mode.name+" "+c.held.String(), c.judge)
	}
	if n := issuer.RedirectsFollowed(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// cell is one guarded service in one state, and what it answered.
type cell struct {
	mode    mode
	held    keysHeld
	status  int // expected for a good token
	clock   lateClock
	service *service
	good    exchange
	forged  exchange
	none    exchange
}

// exchange is what became of one request.
type exchange struct {
	answer answer
	err    error
}

// lateClock is the system's, moved on by a duration. It runs by itself, so that
// a client which did not get the keys at first tries again.
type lateClock struct{ by atomic.Int64 }

func (c *lateClock) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

func (c *lateClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// start makes the service and, unless it is cold, lets it verify a token.
func (c *cell) start(t *testing.T, build Build, issuer *authtest.Issuer, timeout time.Duration) {
	t.Helper()
	auth, err := client.New(client.Config{
		Mode:          c.mode.mode,
		FallbackLocal: c.mode.fallback,
		Issuers:       []client.Issuer{{URL: issuer.URL()}},
		HTTPClient:    issuer.HTTPClient(),
		Timeout:       timeout,
		Clock:         &c.clock,
		Breaker:       client.BreakerConfig{Failures: 1000}, // each request meets the fault itself
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close() })
	layers := guarded(c.mode.options()...)
	layers[0].Auth = auth
	c.service = start(t, build, App{Guards: layers, Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
	if c.held == cold {
		return
	}
	// Its session tells this token from the one that ask sends: what is
	// remembered of it answers for no other.
	head := "GET /me\nAuthorization: Bearer " + issuer.Token(authtest.Subject("ada"), authtest.SessionID("before"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var got answer
	for range 10 { // with a short timeout a good answer may come too late
		if err = auth.Ready(ctx); err == nil {
			if got = c.service.do(t, head, ""); got.Status == http.StatusOK {
				break
			}
		}
	}
	if diff := cmp.Diff(as("ada"), got); diff != "" {
		t.Fatalf("before the fault: %v\nanswer (-want +got):\n%s", err, diff)
	}
	c.service.ran.Store(0)
}

// ask sends the requests, all at once.
func (c *cell) ask(issuer *authtest.Issuer) {
	if c.held == stale {
		c.clock.by.Store(int64(keyLife + time.Second))
	}
	ada := authtest.Subject("ada")
	var group sync.WaitGroup
	for to, head := range map[*exchange]string{
		&c.good:   "GET /me\nAuthorization: Bearer " + issuer.Token(ada),
		&c.forged: "GET /me\nAuthorization: Bearer " + issuer.Token(ada, authtest.OtherKey()),
		&c.none:   "GET /me",
	} {
		group.Go(func() { to.answer, to.err = c.service.send(head, "") })
	}
	group.Wait()
}

// judge holds the answers, to the byte, and how often the handler ran, against
// the table.
func (c *cell) judge(t *testing.T) {
	good, forged, none := unavailable("/me"), unavailable("/me"), noToken("/me")
	ran := 0
	switch c.status {
	case http.StatusOK:
		good, forged = as("ada"), invalid("/me")
		ran++
	case http.StatusUnauthorized:
		good, forged = invalid("/me"), invalid("/me")
	}
	if c.mode.optional {
		none = as(anonymous)
		ran++
	}
	for _, request := range []struct {
		name string
		want answer
		got  exchange
	}{{"good token", good, c.good}, {"forged token", forged, c.forged}, {"no token", none, c.none}} {
		if request.got.err != nil {
			t.Errorf("%s: %v", request.name, request.got.err)
		} else if diff := cmp.Diff(request.want, request.got.answer); diff != "" {
			t.Errorf("%s: answer (-want +got):\n%s", request.name, diff)
		}
	}
	if got := c.service.ran.Load(); got != int64(ran) {
		t.Errorf("the handler ran %d times; want %d", got, ran)
	}
}
