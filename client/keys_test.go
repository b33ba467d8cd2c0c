package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

func TestNewDoesNoIO(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		r := newRig(t, func(c *client.Config) { c.Mode = mode })
		r.clock.Advance(24 * time.Hour)
		if n := r.JWKSRequests() + r.ValidateRequests(); n != 0 {
			t.Errorf("%s: New made %d requests", mode, n)
		}
	}
}

func TestReadyWaitsForTheFirstKeySet(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Down()
	ready := make(chan error, 1)
	go func() { ready <- r.auth.Ready(t.Context()) }()
	for range 3 { // failed fetches, each after the pause of the one before
		r.settle()
		select {
		case err := <-ready:
			t.Fatalf("ready while the JWKS was down: %v", err)
		default:
		}
		r.clock.Advance(2 * time.Second)
	}
	r.Up()
	r.settle()
	r.clock.Advance(2 * time.Second)
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	r.wantOK(r.Token())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := newRig(t, nil)
	other.Hang()
	if err := other.auth.Ready(ctx); !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Ready gave %v", err)
	}
}

// Close lets nobody wait for a set that will never come.
func TestCloseEndsReady(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Down()
	ready := make(chan error, 1)
	go func() { ready <- r.auth.Ready(context.Background()) }()
	r.settle() // the first fetch has failed: Ready waits out the pause
	r.auth.Close()
	if err := <-ready; !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("Ready gave %v", err)
	}
}

// H146: a new kid is accepted on its first request, the old one goes on.
func TestNewKidIsAcceptedOnItsFirstRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	old := r.Token()
	r.wantOK(old)
	r.Rotate()
	r.wantOK(r.Token())
	r.wantOK(old)
	if n := r.JWKSRequests(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

// A fetch that was under way when a call came may bring the set from before its
// key was published: the call looks once more before it is refused.
func TestNewKidDuringAFetch(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	old := r.Token()
	arrived, release := make(chan struct{}), make(chan struct{})
	r.FaultJWKS(func(w http.ResponseWriter, req *http.Request) {
		r.FaultJWKS(nil)
		before := httptest.NewRecorder()
		r.ServeHTTP(before, req)
		close(arrived)
		<-release
		w.Header().Set("Content-Type", before.Header().Get("Content-Type"))
		before.Body.WriteTo(w)
	})
	results := make(chan error, 2)
	go func() { results <- r.verify(old) }()
	<-arrived
	r.Rotate()
	fresh := r.Token()
	waits := &watched{Context: t.Context(), asked: make(chan struct{})}
	go func() {
		_, err := r.auth.Verify(waits, fresh)
		results <- err
	}()
	<-waits.asked
	close(release)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Errorf("a good token was refused: %v", err)
		}
	}
}

// watched is a context that tells when somebody waits for it.
type watched struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.asked) })
	return w.Context.Done()
}

// A failed fetch is no look in vain: a rotation that meets a hiccup of the
// auth server waits for the backoff, 2 s at most, and is no 401 meanwhile. The
// timers are frozen so that the look is the caller's own.
func TestFailedFetchIsNoLookInVain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.auth = r.newClient(func(c *client.Config) { c.Clock, c.Cache.Size = frozenTimers{r.clock}, -1 })
	known := r.Token()
	r.wantOK(known)
	r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
	r.clock.Advance(5 * time.Second)
	r.Rotate()
	r.Down()
	r.want(r.Token(), client.ErrUnavailable) // H148: it may be a new key
	r.want(r.Token(), client.ErrUnavailable)
	r.wantOK(known)
	if n := r.JWKSRequests(); n != 3 {
		t.Errorf("%d fetches, want 3: none during the backoff", n)
	}
	r.Up()
	r.clock.Advance(2 * time.Second)
	r.wantOK(r.Token())
	r.Rotate() // and a second rotation at once is seen at once
	r.wantOK(r.Token())
}

// Once a fetch has failed, an unknown kid is 503 at once, however many looks came
// before it.
func TestOutageEndsTheWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.auth = r.newClient(func(c *client.Config) {
		c.Clock, c.Cache.Size, c.Keys.Cooldown = frozenTimers{r.clock}, -1, time.Hour
	})
	known := r.Token(authtest.ExpiresIn(longLife))
	r.wantOK(known)
	r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
	r.want(r.Token(authtest.UnknownKid()), client.ErrUnknownKey)
	r.Down()
	r.clock.Advance(authtest.DefaultMaxAge)
	r.wantOK(known) // after a failed fetch
	r.clock.Advance(2 * time.Second)
	r.want(r.Token(authtest.UnknownKid()), client.ErrUnavailable)
}

// H152: whoever comes while there is no key set waits for the one fetch.
func TestColdCallersShareOneFetch(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("fails=%t", fails), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, uncached)
			token := r.Token()
			if fails {
				r.Down()
			}
			var wg sync.WaitGroup
			for range 10_000 {
				wg.Go(func() {
					if err := r.verify(token); fails != errors.Is(err, client.ErrUnavailable) || !fails && err != nil {
						t.Errorf("a cold caller got %v", err)
					}
				})
			}
			wg.Wait()
			if n := r.JWKSRequests(); n != 1 {
				t.Errorf("%d fetches, want 1", n)
			}
		})
	}
}

// The fetch runs on a context of its own: the caller that set it off fails
// alone when it gives up. F123: none of them leaves a goroutine behind, which
// TestMain checks.
func TestCancellingACallerFailsOnlyThatCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t, uncached)
	token := r.Token()
	arrived, release := make(chan struct{}), make(chan struct{})
	r.FaultJWKS(func(w http.ResponseWriter, req *http.Request) {
		close(arrived)
		<-release
		r.FaultJWKS(nil)
		r.ServeHTTP(w, req)
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := r.auth.Verify(ctx, token)
		first <- err
	}()
	<-arrived
	others := make(chan error, 100)
	for range cap(others) {
		go func() { others <- r.verify(token) }()
	}
	cancel()
	if err := <-first; !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up got %v", err)
	}
	close(release)
	for range cap(others) {
		if err := <-others; err != nil {
			t.Errorf("another caller got %v", err)
		}
	}
}

// H148: an outage of the JWKS is no 401 for a known kid, ever; after an hour
// beyond max-age it is 503; and once it is over recovery takes 2 s at most.
func TestJWKSOutage(t *testing.T) {
	t.Parallel()
	for _, cache := range []int{-1, 0} {
		t.Run(fmt.Sprintf("cache=%d", cache), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *client.Config) { c.Cache.Size = cache })
			token := r.Token(authtest.ExpiresIn(longLife))
			r.wantOK(token)
			r.settle()
			r.Refuse()
			down := r.clock.Now()
			for r.verify(token) == nil {
				r.advance(30 * time.Second)
			}
			served := r.clock.Now().Sub(down)
			if limit := time.Hour + authtest.DefaultMaxAge; served < time.Hour || served > limit+time.Minute {
				t.Errorf("known keys served for %v, want an hour beyond max-age", served)
			}
			for range 10 {
				r.want(token, client.ErrUnavailable)
				r.advance(time.Minute)
			}
			r.Up()
			back := r.clock.Now()
			for r.verify(token) != nil {
				if r.clock.Now().Sub(back) > 2*time.Second {
					t.Fatal("no recovery within 2 s")
				}
				r.advance(100 * time.Millisecond)
			}
		})
	}
}

// H147: a removed key is dead within max-age, also for a token that is
// verified, and so remembered, all the time.
func TestRemovedKeyDiesWithinMaxAge(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	stolen := r.Token(authtest.ExpiresIn(longLife))
	kid := r.Kids()[0]
	r.wantOK(stolen)
	r.settle()
	r.Rotate()
	r.RemoveKey(kid)
	removed := r.clock.Now()
	for r.verify(stolen) == nil {
		r.advance(time.Second)
		if r.clock.Now().Sub(removed) > authtest.DefaultMaxAge {
			t.Fatal("the removed key outlived max-age")
		}
	}
	r.want(stolen, client.ErrUnauthenticated)
	r.wantOK(r.Token())
}

// An idle backend that slept through max-age looks before it trusts the set.
func TestStaleSetIsRefreshedBeforeUse(t *testing.T) {
	t.Parallel()
	frozen := frozenTimers{authtest.NewClock(epoch)}
	issuer := authtest.NewIssuer(t, authtest.WithClock(frozen.Clock))
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}, Clock: frozen})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	stolen := issuer.Token(authtest.ExpiresIn(longLife))
	if _, err := auth.Verify(t.Context(), stolen); err != nil {
		t.Fatal(err)
	}
	kid := issuer.Kids()[0]
	issuer.Rotate()
	issuer.RemoveKey(kid)
	frozen.Advance(authtest.DefaultMaxAge)
	if _, err := auth.Verify(t.Context(), stolen); !errors.Is(err, client.ErrUnknownKey) {
		t.Errorf("a key that was removed long ago gave %v", err)
	}
}

// frozenTimers is a clock whose timers never fire, as those of a machine that
// was asleep.
type frozenTimers struct{ *authtest.Clock }

func (frozenTimers) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// Rotations at least a cooldown apart cost no good token its 401.
func TestThousandRotationsUnderLoad(t *testing.T) {
	t.Parallel()
	const rotations, cooldown = 1000, 5 * time.Second
	r := newRig(t, nil)
	r.wantOK(r.Token())
	var verified atomic.Int64
	for range rotations {
		r.clock.Advance(cooldown)
		old := r.Token()
		if kids := r.Kids(); len(kids) > 3 {
			r.RemoveKey(kids[0])
		}
		r.Rotate()
		var wg sync.WaitGroup
		for i := range 8 {
			token := old
			if i%2 == 0 {
				token = r.Token()
			}
			wg.Go(func() {
				if err := r.verify(token); err != nil {
					t.Errorf("a good token was refused: %v", err)
				}
				verified.Add(1)
			})
		}
		wg.Wait()
		if t.Failed() {
			break
		}
	}
	t.Logf("%d verifications over %d rotations", verified.Load(), rotations)
}

// H149, H150, F121, F122 and section B: nothing that the JWKS endpoint answers
// takes the good set away.
func TestBrokenAnswerKeepsTheGoodSet(t *testing.T) {
	t.Parallel()
	elsewhere := authtest.NewIssuer(t)
	body := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, text)
		}
	}
	const object = "application/json"
	const foreign = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	many := `{"keys":[` + strings.Repeat(`{"kty":"EC"},`, 100) + `{"kty":"EC"}]}`
	answers := map[string]http.HandlerFunc{
		"HTML":                body("text/html", "<html>"),
		"HTML as JSON":        body(object, "<html>"),
		"wrong content type":  body("text/plain", foreign),
		"no content type":     func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil },
		"empty body":          body(object, ""),
		"empty set":           body(object, `{"keys":[]}`),
		"no keys member":      body(object, `{}`),
		"null keys":           body(object, `{"keys":null}`),
		"keys twice":          body(object, `{"keys":[],"keys":[]}`),
		"KEYS":                body(object, `{"KEYS":[]}`),
		"half a JSON":         body(object, `{"keys":[{"kty":"OKP",`),
		"trailing data":       body(object, `{"keys":[]}{}`),
		"only odd keys":       body(object, `{"keys":[{"kty":"EC"},{"kty":"oct","k":"AA"},null,5,[]]}`),
		"101 keys":            body(object, many),
		"10 MiB":              body(object, `{"keys":["`+strings.Repeat("x", 10<<20)+`"]}`),
		"1 MiB of blanks":     body(object, foreign+strings.Repeat(" ", 1<<20)),
		"500":                 func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"204":                 func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"reset":               func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect elsewhere":  http.RedirectHandler(elsewhere.URL()+"/api/v1/auth/jwks", http.StatusFound).ServeHTTP,
		"redirect to a file":  http.RedirectHandler("file:///etc/passwd", http.StatusFound).ServeHTTP,
		"redirect on its own": http.RedirectHandler("/elsewhere", http.StatusMovedPermanently).ServeHTTP,
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *client.Config) { c.Cache.Size = -1 })
			token := r.Token(authtest.ExpiresIn(longLife))
			r.wantOK(token)
			r.settle()
			r.FaultJWKS(answer)
			for range 3 {
				r.advance(authtest.DefaultMaxAge)
				r.wantOK(token)
			}
			stats := r.auth.Stats().Issuers[0]
			if stats.Keys != 1 || !stats.Serving || stats.Failed == 0 {
				t.Errorf("stats %+v: want the one good key, serving, and failed fetches", stats)
			}
			// The file was fetched by nobody, and a new kid is not a 401.
			r.Rotate()
			r.want(r.Token(), client.ErrUnavailable)
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.JWKSRequests(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

// F121: the timeout bounds a fetch as a whole, not one read of it.
func TestSlowJWKSKeepsTheGoodSet(t *testing.T) {
	t.Parallel()
	for _, fault := range []authtest.Fault{authtest.SlowDrip, authtest.TimedOut} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *client.Config) { c.Cache.Size, c.Timeout = -1, time.Second })
			token := r.Token(authtest.ExpiresIn(longLife))
			for r.verify(token) != nil { // on a machine under load a good answer may come too late
				r.advance(2 * time.Second)
			}
			r.settle()
			failed := r.auth.Stats().Issuers[0].Failed
			r.Break(fault)
			r.advance(authtest.DefaultMaxAge)
			r.wantOK(token)
			if s := r.auth.Stats().Issuers[0]; s.Failed != failed+1 || s.Keys != 1 {
				t.Errorf("stats %+v: want one failed fetch more than %d and the one key", s, failed)
			}
		})
	}
}

// B38 to B43 at the level of the set: an odd key is passed over, the good one
// beside it verifies.
func TestOddKeysDoNotSpoilTheSet(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{
		`{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"ec"}`,
		`{"kty":"oct","k":"c2VjcmV0","kid":"oct"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"short"}`,
		`{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","kid":"x"}`,
		`{"kty":5}`, `null`, `"key"`, `[]`,
	} {
		r := newRig(t, nil)
		r.AddJWK(odd)
		r.wantOK(r.Token())
		if n := r.auth.Stats().Issuers[0].Keys; n != 1 {
			t.Errorf("%d keys taken from a set with %s", n, odd)
		}
	}
}

// B40: published private material raises an alarm, and that key is refused.
func TestPrivateKeyInTheSet(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, func(c *client.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	r.AddJWK(`{"kty":"OKP","crv":"Ed25519","kid":"oops",` +
		`"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	r.wantOK(r.Token())
	r.want(r.Token(authtest.Header("kid", "oops")), client.ErrUnauthenticated)
	r.auth.Close()
	if !strings.Contains(log.String(), "private key material") || strings.Contains(log.String(), "nWGxne") {
		t.Errorf("the log says: %s", log.String())
	}
}

// The set is refreshed in the background before it is stale, conditionally,
// and max-age is held to 30 s to 10 min.
func TestRefreshAndMaxAge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ said, fresh time.Duration }{
		{0, 30 * time.Second},
		{time.Second, 30 * time.Second},
		{2 * time.Minute, 2 * time.Minute},
		{24 * time.Hour, 10 * time.Minute},
	} {
		t.Run(tc.said.String(), func(t *testing.T) {
			t.Parallel()
			var conditional atomic.Int64
			r := newRig(t, nil)
			r.MaxAge(tc.said)
			r.FaultJWKS(func(w http.ResponseWriter, req *http.Request) {
				if req.Header.Get("If-None-Match") != "" {
					conditional.Add(1)
				}
				r.FaultJWKS(nil)
				r.ServeHTTP(w, req)
			})
			r.wantOK(r.Token())
			r.settle()
			before := r.JWKSRequests()
			r.advance(tc.fresh / 2)
			if n := r.JWKSRequests(); n != before {
				t.Fatalf("refreshed after half of %v", tc.fresh)
			}
			// No request comes in: the refresh is the client's own doing.
			r.advance(tc.fresh / 2)
			if n := r.JWKSRequests(); n == before {
				t.Fatalf("not refreshed within %v", tc.fresh)
			}
			if s := r.auth.Stats().Issuers[0]; s.Failed != 0 || s.Keys != 1 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// Freshness counts from when the request was sent, less the Age of an answer
// out of a cache: a removed key does not live longer for a slow network or a
// proxy.
func TestFreshnessCountsFromTheRequest(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(r *rig, w http.ResponseWriter){
		"slow answer": func(r *rig, _ http.ResponseWriter) { r.clock.Advance(time.Minute) },
		"Age":         func(_ *rig, w http.ResponseWriter) { w.Header().Set("Age", "60") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.auth = r.newClient(func(c *client.Config) { c.Clock, c.Cache.Size = frozenTimers{r.clock}, -1 })
			r.MaxAge(2 * time.Minute)
			r.FaultJWKS(func(w http.ResponseWriter, req *http.Request) {
				answer(r, w)
				r.FaultJWKS(nil)
				r.ServeHTTP(w, req)
			})
			token := r.Token()
			r.wantOK(token)
			before := r.JWKSRequests()
			r.clock.Advance(time.Minute - time.Second)
			r.wantOK(token)
			if n := r.JWKSRequests(); n != before {
				t.Error("fetched again before a minute was over")
			}
			r.clock.Advance(time.Second)
			r.wantOK(token)
			if n := r.JWKSRequests(); n != before+1 {
				t.Errorf("%d fetches after two minutes, want 1", n-before)
			}
		})
	}
}

// A 304 keeps the keys and makes them fresh again.
func TestNotModifiedKeepsTheKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.Token(authtest.ExpiresIn(longLife))
	r.wantOK(token)
	r.settle()
	var status atomic.Int64
	r.FaultJWKS(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotModified)
		status.Add(1)
	})
	for range 20 {
		r.advance(authtest.DefaultMaxAge)
		r.wantOK(token)
	}
	if s := r.auth.Stats().Issuers[0]; s.Failed != 0 || status.Load() == 0 {
		t.Errorf("stats %+v after %d answers 304", s, status.Load())
	}
}

// B45: a key of one issuer never verifies a token of another.
func TestIssuersAreBoundToTheirKeys(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(epoch)
	a := authtest.NewIssuer(t, authtest.WithClock(clock), authtest.WithName("https://a.example"), authtest.WithSeed("a"))
	b := authtest.NewIssuer(t, authtest.WithClock(clock), authtest.WithName("https://b.example"), authtest.WithSeed("b"))
	auth, err := client.New(client.Config{Clock: clock, Issuers: []client.Issuer{
		{URL: a.URL(), Names: []string{"https://a.example"}},
		{URL: b.URL(), Names: []string{"https://b.example", "manacore-b"}, Audiences: []string{"manacore", "b"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	for name, tc := range map[string]struct {
		token string
		want  error
	}{
		"a":                    {a.Token(), nil},
		"b":                    {b.Token(), nil},
		"b by its other name":  {b.Token(authtest.IssuerName("manacore-b")), nil},
		"b's own audience":     {b.Token(authtest.Audience("b")), nil},
		"a with b's audience":  {a.Token(authtest.Audience("b")), client.ErrClaims},
		"b says it is a":       {b.Token(authtest.IssuerName("https://a.example")), client.ErrUnknownKey},
		"a says it is b":       {a.Token(authtest.IssuerName("https://b.example")), client.ErrUnknownKey},
		"b as a with a's kid":  {b.Token(authtest.IssuerName("https://a.example"), authtest.Header("kid", a.Kids()[0])), client.ErrSignature},
		"B46 an issuer beside": {a.Token(authtest.IssuerName("https://a.example/")), client.ErrClaims},
	} {
		if _, err := auth.Verify(t.Context(), tc.token); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}

// A backend that restarts while the auth server is down verifies from the
// snapshot, for as long as its staleness allows.
func TestSnapshotCarriesOverARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jwks.json")
	withSnapshot := func(c *client.Config) { c.Issuers[0].Snapshot = file }
	r := newRig(t, withSnapshot)
	token := r.Token(authtest.ExpiresIn(longLife))
	r.wantOK(token)
	r.auth.Close()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("snapshot: %v, %v", info, err)
	}
	r.Refuse()
	r.clock.Advance(time.Hour)

	r.auth = r.newClient(withSnapshot)
	r.wantOK(token)
	r.settle()
	r.Rotate()
	r.want(r.Token(), client.ErrUnavailable)
	r.auth.Close()

	r.clock.Advance(time.Hour)
	r.auth = r.newClient(withSnapshot)
	r.want(token, client.ErrUnavailable)
	r.auth.Close()

	r.Up()
	r.auth = r.newClient(withSnapshot)
	r.wantOK(token)
}

// A snapshot that is broken, another issuer's or from the future is not used,
// and is no error.
func TestBadSnapshotIsPassedOver(t *testing.T) {
	t.Parallel()
	good := newRig(t, nil)
	kid := good.Kids()[0]
	jwks := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}]}`, kid, b64.EncodeToString(good.PublicKey(kid)))
	url := good.URL() + "/api/v1/auth/jwks"
	for name, text := range map[string]string{
		"good":            `{"url":"` + url + `","fetchedAt":"2026-01-02T03:04:00Z","freshSeconds":300,"jwks":` + jwks + `}`,
		"empty":           "",
		"no JSON":         "{",
		"other issuer":    `{"url":"http://elsewhere","fetchedAt":"2026-01-02T03:04:00Z","freshSeconds":300,"jwks":` + jwks + `}`,
		"from the future": `{"url":"` + url + `","fetchedAt":"2026-02-02T03:04:00Z","freshSeconds":300,"jwks":` + jwks + `}`,
		"no key":          `{"url":"` + url + `","fetchedAt":"2026-01-02T03:04:00Z","freshSeconds":300,"jwks":{"keys":[]}}`,
		"negative":        `{"url":"` + url + `","fetchedAt":"2026-01-02T03:04:00Z","freshSeconds":-1,"jwks":` + jwks + `}`,
	} {
		file := filepath.Join(t.TempDir(), "jwks.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var want error
		if name != "good" {
			want = client.ErrUnavailable
		}
		withSnapshot := func(c *client.Config) { c.Issuers[0].Snapshot = file }
		good.Refuse()
		if _, err := good.newClient(withSnapshot).Verify(t.Context(), good.Token()); !errors.Is(err, want) {
			t.Errorf("%s, during an outage: %v, want %v", name, err, want)
		}
		good.Up()
		if _, err := good.newClient(withSnapshot).Verify(t.Context(), good.Token()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
