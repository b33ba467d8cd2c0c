package guardtest

import (
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

const (
	// patience is the clients' Timeout. Only the faults that answer nothing
	// take so long; a good answer must never, on a machine under load.
	patience = time.Second
	// keyLife is how long a key set is fresh: the least that a client accepts.
	keyLife = 30 * time.Second
)

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
	issuer := authtest.NewIssuer(t, authtest.WithTLS())
	issuer.MaxAge(keyLife)
	var cells []*cell
	for i, mode := range modes {
		for held, status := range expected[i] {
			cells = append(cells, newCell(t, build, issuer, mode, keysHeld(held), status))
		}
	}
	issuer.Break(fault)
	var group sync.WaitGroup
	for _, c := range cells {
		group.Go(func() { c.ask(issuer) })
	}
	group.Wait()
	for _, c := range cells {
		t.Run(c.name, c.judge)
	}
	if n := issuer.RedirectsFollowed(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// cell is one guarded service in one state, and what it answered.
type cell struct {
	name    string
	mode    mode
	held    keysHeld
	status  int // expected for a good token
	clock   *authtest.Clock
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

// newCell makes the service and, unless it is cold, lets it verify a token.
func newCell(t *testing.T, build Build, issuer *authtest.Issuer, mode mode, held keysHeld, status int) *cell {
	t.Helper()
	c := &cell{
		name: mode.name + " " + [...]string{"cold", "warm", "stale"}[held],
		mode: mode, held: held, status: status,
		clock: authtest.NewClock(time.Now()),
	}
	auth, err := client.New(client.Config{
		Mode:          mode.mode,
		FallbackLocal: mode.fallback,
		Issuers:       []client.Issuer{{URL: issuer.URL()}},
		HTTPClient:    issuer.HTTPClient(),
		Timeout:       patience,
		Clock:         c.clock,
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close() })
	layers := guarded(mode.options()...)
	layers[0].Auth = auth
	c.service = start(t, build, App{Guards: layers, Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
	if held == cold {
		return c
	}
	if err := auth.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Its session tells this token from the one that ask sends: what is
	// remembered of it answers for no other.
	token := issuer.Token(authtest.Subject("ada"), authtest.SessionID("before"))
	c.service.expect(t, "GET /me\nAuthorization: Bearer "+token, "", as("ada"))
	c.service.ran.Store(0)
	return c
}

// ask sends the requests, all at once.
func (c *cell) ask(issuer *authtest.Issuer) {
	if c.held == stale {
		c.clock.Advance(keyLife + time.Second)
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
