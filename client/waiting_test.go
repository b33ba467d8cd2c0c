package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
)

// exhaust uses up the looks that kids of strangers get without a wait.
func (r *rig) exhaust() {
	r.t.Helper()
	r.wantOK(r.Token())
	for range 3 {
		r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
	}
}

// waiting verifies each token on a goroutine of its own, and returns once all of
// them wait for the next look at the key set.
func (r *rig) waiting(ctx context.Context, tokens ...string) *pending {
	r.t.Helper()
	p := &pending{errs: make([]error, len(tokens))}
	for i, token := range tokens {
		p.wg.Go(func() { _, p.errs[i] = r.auth.Verify(ctx, token) })
	}
	const refresh, look = 1, 1
	if err := r.clock.AwaitTimers(r.t.Context(), refresh+look+len(tokens)); err != nil {
		r.t.Fatal(err)
	}
	return p
}

type pending struct {
	wg   sync.WaitGroup
	errs []error
}

// all returns what became of the tokens, in their order.
func (p *pending) all() []error {
	p.wg.Wait()
	return p.errs
}

func (r *rig) madeUp(n int) []string {
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = r.Token(authtest.UnknownKid(), authtest.ExpiresIn(longLife))
	}
	return tokens
}

// S14: a stranger makes up kids, and the key is changed in an emergency: what is
// rightly signed waits for the next look, and is judged by it.
func TestS14EmergencyWhileAStrangerTries(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	r.exhaust()
	old := r.Kids()[0]
	r.Rotate()
	r.RemoveKey(old)
	before := r.JWKSRequests()
	tokens := r.madeUp(1)
	for range 45 {
		tokens = append(tokens, r.Token())
	}
	waiting := r.waiting(t.Context(), tokens...)
	r.clock.Advance(time.Second - 1)
	if n := r.JWKSRequests() - before; n != 0 {
		t.Fatalf("%d looks within a second", n)
	}
	r.clock.Advance(1)
	for i, err := range waiting.all() {
		if want := i == 0; errors.Is(err, client.ErrUnknownKey) != want || !want && err != nil {
			t.Errorf("token %d: %v", i, err)
		}
	}
	if n := r.JWKSRequests() - before; n != 1 {
		t.Errorf("%d looks, want 1", n)
	}
}

// F120, S14: a flood of unknown kids costs one fetch a second, and each of them
// is told that nobody publishes it; a rotation in the middle is seen within the
// second.
func TestUnknownKidFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	known := r.Token(authtest.ExpiresIn(longLife))
	r.exhaust()
	for range 20 {
		before := r.JWKSRequests()
		flood := r.waiting(t.Context(), r.madeUp(100)...)
		r.wantOK(known)
		r.clock.Advance(time.Second)
		for _, err := range flood.all() {
			if !errors.Is(err, client.ErrUnknownKey) {
				t.Fatalf("an unknown kid gave %v", err)
			}
		}
		if n := r.JWKSRequests() - before; n != 1 {
			t.Fatalf("%d fetches within a second", n)
		}
		r.settle()
	}
	r.Rotate()
	flood := r.waiting(t.Context(), append(r.madeUp(100), r.Token())...)
	r.clock.Advance(time.Second)
	if err := flood.all()[100]; err != nil {
		t.Errorf("a good token of a new key, in the middle of a flood: %v", err)
	}
	r.clock.Advance(time.Hour)
	r.settle()
	for range 3 { // the burst is there again
		r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
	}
}

// S14: what form or claims refuse sets off no look and waits for none.
func TestS14RefusedByItsClaimsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	unknown := authtest.UnknownKid()
	refused := []string{
		r.Token(unknown, authtest.Expired()),
		r.Token(unknown, authtest.OtherAudience()),
		r.Token(unknown, authtest.OtherIssuer()),
		r.Token(unknown, authtest.NotYetValid()),
		r.Token(unknown, authtest.IssuedAt(epoch.Add(time.Hour))),
		r.Token(unknown, authtest.Without("exp")),
		r.Token(unknown, authtest.Without("sub")),
		r.Token(unknown, authtest.ExpiresIn(48*time.Hour)),
		r.Token(unknown, authtest.Header("crit", []string{"b64"})),
	}
	r.wantOK(r.Token())
	for i, token := range append(refused, refused...) {
		if err := r.verify(token); !errors.Is(err, client.ErrUnauthenticated) {
			t.Errorf("token %d: %v", i, err)
		}
	}
	if n := r.JWKSRequests(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	r.exhaust()
	for i, token := range refused {
		if err := r.verify(token); !errors.Is(err, client.ErrUnauthenticated) {
			t.Errorf("token %d, while others would wait: %v", i, err)
		}
	}
}

// S14: 256 tokens wait, and what comes beyond is ErrKeyPending at once. It is no
// fault of the auth server, and known keys notice nothing.
func TestS14MoreThanMayWait(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, func(c *client.Config) {
		c.Cache.Size = -1
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	known := r.Token()
	r.exhaust()
	waiting := r.waiting(t.Context(), r.madeUp(256)...)
	for _, token := range r.madeUp(3) {
		r.want(token, client.ErrKeyPending)
		r.want(token, client.ErrUnavailable)
	}
	r.wantOK(known)
	r.clock.Advance(time.Second)
	for _, err := range waiting.all() {
		if !errors.Is(err, client.ErrUnknownKey) {
			t.Fatalf("a token that waited: %v", err)
		}
	}
	r.settle()
	again := r.waiting(t.Context(), r.madeUp(256)...) // the places are free again
	r.clock.Advance(time.Second)
	again.all()
	if s := r.auth.Stats(); s.KeyPending != 6 || s.Unavailable != 0 || s.GivenUp != 0 {
		t.Errorf("stats %+v: want 6 pending, and no other without a verdict", s)
	}
	r.auth.Close()
	if log.Len() > 0 {
		t.Errorf("the log says: %s", log.String())
	}
}

// S14: a token waits for 5 s at most, also where the look has begun.
func TestS14WaitEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	r.exhaust()
	arrived := make(chan struct{})
	r.FaultJWKS(func(_ http.ResponseWriter, req *http.Request) {
		close(arrived)
		<-req.Context().Done()
	})
	waiting := r.waiting(t.Context(), r.madeUp(1)...)
	r.clock.Advance(time.Second)
	<-arrived
	r.clock.Advance(4 * time.Second)
	if err := waiting.all()[0]; !errors.Is(err, client.ErrKeyPending) {
		t.Errorf("after 5 s: %v", err)
	}
}

// S14: a caller who goes and a client that is closed end the wait; the caller's
// place is free again.
func TestS14WaitIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	r.exhaust()
	ctx, cancel := context.WithCancel(t.Context())
	waiting := r.waiting(ctx, r.madeUp(256)...)
	cancel()
	for _, err := range waiting.all() {
		if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller who has gone got %v", err)
		}
	}
	waiting = r.waiting(t.Context(), r.madeUp(256)...)
	r.auth.Close()
	for _, err := range waiting.all() {
		if !errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrKeyPending) {
			t.Fatalf("after Close: %v", err)
		}
	}
	if s := r.auth.Stats(); s.GivenUp != 256 || s.KeyPending != 0 || s.Unavailable != 256 {
		t.Errorf("stats %+v: want 256 given up, and 256 unavailable for Close", s)
	}
	r.clock.Advance(time.Minute)
}

// S14: whatever looks next, here for a known kid whose set is stale, is the next
// look of those who wait. The timers are frozen, so that theirs can't be it.
func TestS14AnyLookIsTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.auth = r.newClient(func(c *client.Config) { c.Clock, c.Cache.Size = frozenTimers{r.clock}, -1 })
	known := r.Token(authtest.ExpiresIn(longLife))
	r.exhaust()
	r.Rotate()
	before := r.JWKSRequests()
	waits := &watched{Context: t.Context(), asked: make(chan struct{})}
	result := make(chan error, 1)
	go func() {
		_, err := r.auth.Verify(waits, r.Token(authtest.ExpiresIn(longLife)))
		result <- err
	}()
	<-waits.asked
	r.clock.Advance(authtest.DefaultMaxAge)
	r.wantOK(known)
	if err := <-result; err != nil {
		t.Errorf("a good token of a new key: %v", err)
	}
	if n := r.JWKSRequests() - before; n != 1 {
		t.Errorf("%d looks, want one for both", n)
	}
}

// S14: a clock that stands still holds nobody for longer.
func TestS14ClockThatStandsStill(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		issuer := authtest.NewIssuer(t, authtest.WithoutSockets(), authtest.WithClock(authtest.NewClock(epoch)))
		auth, err := client.New(client.Config{
			Issuers: []client.Issuer{{URL: issuer.URL()}}, HTTPClient: issuer.HTTPClient(),
			Clock: authtest.NewClock(epoch), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer auth.Close()
		start := time.Now()
		for range 4 {
			_, err = auth.Verify(t.Context(), issuer.Token(authtest.UnknownKid()))
		}
		// The first one's fetch is not paced: there was no set.
		if err == nil || errors.Is(err, client.ErrKeyPending) {
			t.Fatalf("the fourth: %v", err)
		}
		_, err = auth.Verify(t.Context(), issuer.Token(authtest.UnknownKid()))
		if waited := time.Since(start); !errors.Is(err, client.ErrKeyPending) || waited != 5*time.Second {
			t.Errorf("the fifth: %v after %v", err, waited)
		}
	})
}
