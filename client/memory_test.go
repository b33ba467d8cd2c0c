package client_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// A remembered token is the same to the caller as a verified one, and H156: a
// token that differs in one place is not remembered.
func TestMemoryIsKeyedByTheWholeToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.Token()
	first, err := r.auth.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.auth.Verify(t.Context(), token)
	if err != nil || again != first {
		t.Fatalf("got %+v, %v; want %+v", again, err, first)
	}
	if s := r.auth.Stats(); s.CacheHits != 1 || s.CacheMisses != 1 || s.Cached != 1 || s.Verified != 2 {
		t.Fatalf("stats %+v", s)
	}
	r.want(r.Token(authtest.OtherKey()), client.ErrSignature) // same header and claims
	r.want(token[:len(token)-1], client.ErrMalformed)
	r.want(token+"A", client.ErrMalformed)
	r.want(strings.ToUpper(token), client.ErrMalformed)
}

// D84, H157: a remembered token ends at exp like any other, which has its
// leeway by a fresh verification.
func TestMemoryEndsWithTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.Token(authtest.ExpiresIn(time.Minute))
	r.wantOK(token)
	r.clock.Advance(time.Minute - time.Nanosecond)
	r.wantOK(token)
	if s := r.auth.Stats(); s.CacheHits != 1 {
		t.Fatalf("stats %+v: want a hit until exp", s)
	}
	r.clock.Advance(10 * time.Second)
	r.wantOK(token)
	if s := r.auth.Stats(); s.CacheHits != 1 || s.CacheMisses != 2 {
		t.Fatalf("stats %+v: want a miss after exp", s)
	}
	r.clock.Advance(time.Nanosecond)
	r.want(token, client.ErrExpired)
}

// D89: a clock that jumps takes no check away from a remembered token.
func TestMemoryUnderAJumpingClock(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.Token()
	r.wantOK(token)
	r.clock.Set(epoch.Add(-time.Hour)) // iat is now in the future
	r.want(token, client.ErrClaims)
	r.clock.Set(epoch.Add(time.Hour))
	r.want(token, client.ErrUnauthenticated)
}

func TestMemoryTTLInLocalMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Cache.TTL = time.Second })
	token := r.Token()
	r.wantOK(token)
	r.clock.Advance(time.Second)
	r.wantOK(token)
	if s := r.auth.Stats(); s.CacheHits != 0 || s.CacheMisses != 2 {
		t.Errorf("stats %+v: want two misses", s)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const size = 64
	r := newRig(t, func(c *client.Config) { c.Cache.Size = size })
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 100 {
				token := r.Token(authtest.Subject(fmt.Sprintf("user-%d-%d", i, n)))
				for range 2 {
					user, err := r.auth.Verify(t.Context(), token)
					if err != nil || user.ID != fmt.Sprintf("user-%d-%d", i, n) {
						t.Errorf("got %+v, %v", user, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if s := r.auth.Stats(); s.Cached > size {
		t.Errorf("%d tokens held, want at most %d", s.Cached, size)
	}
	off := newRig(t, uncached)
	token := off.Token()
	off.wantOK(token)
	off.wantOK(token)
	if s := off.auth.Stats(); s.Cached+int(s.CacheHits+s.CacheMisses) != 0 || s.Verified != 2 {
		t.Errorf("stats without a cache: %+v", s)
	}
}

func TestTraceAndStats(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var events []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprintf(format, args...))
	}
	r := newRig(t, func(c *client.Config) {
		c.Trace = &client.Trace{
			KeyFetch:    func(i client.KeyFetchInfo) { note("fetch %d %v", i.Keys, i.Err == nil) },
			CacheLookup: func(hit bool) { note("hit %t", hit) },
			Verified:    func(i client.VerifiedInfo) { note("verified %v %t", i.Err, i.Duration > 0) },
		}
	})
	token := r.Token()
	r.wantOK(token)
	r.wantOK(token)
	r.want("", client.ErrNoToken)
	want := []string{
		"hit false", "fetch 1 true", "verified <nil> true",
		"hit true", "verified <nil> true",
		"verified unauthenticated: no token true",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	stats := client.Stats{
		Verified: 2, Unauthenticated: 1, CacheHits: 1, CacheMisses: 1, Cached: 1,
		Issuers: []client.IssuerStats{{URL: r.URL(), Keys: 1, Serving: true, Fetches: 1, Revocations: client.RevocationStats{State: "unannounced"}}},
	}
	if diff := cmp.Diff(stats, r.auth.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	details := []error{
		client.ErrNoToken, client.ErrMalformed, client.ErrUnknownKey, client.ErrSignature,
		client.ErrExpired, client.ErrClaims, client.ErrRejected,
	}
	for i, detail := range details {
		if !errors.Is(detail, client.ErrUnauthenticated) || errors.Is(detail, client.ErrUnavailable) {
			t.Errorf("%v is not of its kind", detail)
		}
		for j, other := range details {
			if i != j && errors.Is(detail, other) {
				t.Errorf("%v is also %v", detail, other)
			}
		}
	}
}
