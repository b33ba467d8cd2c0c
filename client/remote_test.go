package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
)

func remote(c *client.Config) { c.Mode = client.ModeRemote }

func TestRemoteVerdicts(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	good := r.Token()
	user, err := r.auth.Verify(t.Context(), good)
	if err != nil || user.ID != authtest.DefaultSubject || user.SessionID != authtest.DefaultSessionID {
		t.Fatalf("got %+v, %v", user, err)
	}
	r.want(r.Token(authtest.OtherKey()), client.ErrRejected)
	r.want(r.Token(authtest.UnknownKid()), client.ErrRejected)
	r.Revoke(good)
	r.want(good, client.ErrRejected) // at once: nothing was remembered
	if n := r.JWKSRequests(); n != 0 {
		t.Errorf("%d fetches of the JWKS in remote mode", n)
	}
}

// The reason follows from the token's own exp: within the leeway the server
// may find it expired when the client does not.
func TestRemoteExpiryWithinTheLeeway(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	r.want(r.Token(authtest.ExpiresIn(-5*time.Second)), client.ErrExpired)
	if n := r.ValidateRequests(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	r.want(r.Token(authtest.ExpiresIn(-time.Minute)), client.ErrExpired)
	if n := r.ValidateRequests(); n != 1 {
		t.Errorf("an expired token was sent to the server")
	}
}

// What the answer says about the user counts, not what the token says.
func TestRemoteTakesTheClaimsFromTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	r.FaultValidate(r.answer(func(p map[string]any) { p["role"] = "admin"; delete(p, "sessionId") }))
	user, err := r.auth.Verify(t.Context(), r.Token())
	if err != nil || user.Role != "admin" || user.SessionID != authtest.DefaultSessionID {
		t.Errorf("got %+v, %v", user, err)
	}
}

// answer is the true verdict on a default token with its payload edited.
func (r *rig) answer(edit func(payload map[string]any)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		now := r.clock.Now()
		payload := map[string]any{
			"sub": authtest.DefaultSubject, "email": authtest.DefaultEmail, "role": authtest.DefaultRole,
			"sid": authtest.DefaultSessionID, "sessionId": authtest.DefaultSessionID,
			"iss": "manacore", "aud": "manacore", "iat": now.Unix(), "exp": now.Add(authtest.TokenLife).Unix(),
		}
		edit(payload)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"valid": true, "payload": payload})
	}
}

// The existing service: no iat, an empty sid, members of its own.
func TestRemoteAgainstTheExistingService(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	r.FaultValidate(r.answer(func(p map[string]any) {
		delete(p, "iat")
		delete(p, "sessionId")
		p["sid"] = ""
		p["jti"] = "anything"
	}))
	user, err := r.auth.Verify(t.Context(), r.Token(authtest.Without("iat"), authtest.SessionID("")))
	want := client.User{
		ID: authtest.DefaultSubject, Email: authtest.DefaultEmail, Role: authtest.DefaultRole,
		ExpiresAt: epoch.Add(authtest.TokenLife),
	}
	if err != nil || user != want {
		t.Errorf("got %+v, %v; want %+v", user, err, want)
	}
}

// H159 to H161 and every answer that is not a verdict on this token: nobody is
// admitted, and nobody is told that the token is bad.
func TestRemoteAnswersThatAreNoVerdict(t *testing.T) {
	t.Parallel()
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	r := newRig(t, nil)
	payload := func(name string, value any) http.HandlerFunc {
		return r.answer(func(p map[string]any) { p[name] = value })
	}
	for name, answer := range map[string]http.HandlerFunc{
		"valid is a string":   body(200, `{"valid":"true","payload":{}}`),
		"valid is a number":   body(200, `{"valid":1}`),
		"valid is null":       body(200, `{"valid":null}`),
		"VALID":               body(200, `{"VALID":true}`),
		"valid twice":         body(200, `{"valid":false,"valid":true}`),
		"no payload":          body(200, `{"valid":true}`),
		"payload is null":     body(200, `{"valid":true,"payload":null}`),
		"payload is a list":   body(200, `{"valid":true,"payload":[]}`),
		"empty object":        body(200, `{}`),
		"empty body":          body(200, ``),
		"half a JSON":         body(200, `{"valid":true,"payload":{"sub":"`),
		"trailing data":       body(200, `{"valid":false}{"valid":true}`),
		"over 64 KiB":         body(200, `{"valid":false,"error":"`+strings.Repeat("x", 64<<10)+`"}`),
		"blanks over 64 KiB":  body(200, `{"valid":false}`+strings.Repeat(" ", 64<<10)),
		"another subject":     payload("sub", "somebodyElse"),
		"no subject":          payload("sub", ""),
		"another exp":         payload("exp", epoch.Add(time.Hour).Unix()),
		"exp is a string":     payload("exp", "1767326645"),
		"no exp":              r.answer(func(p map[string]any) { delete(p, "exp") }),
		"another issuer":      payload("iss", "elsewhere"),
		"another audience":    payload("aud", "elsewhere"),
		"no role":             r.answer(func(p map[string]any) { delete(p, "role") }),
		"role with a newline": payload("role", "user\nadmin"),
		"sub twice":           body(200, `{"valid":true,"payload":{"sub":"a","sub":"b"}}`),
		"201":                 body(201, `{"valid":true}`),
		"400":                 body(400, `{}`),
		"401 of a gateway":    body(401, `{"valid":false}`),
		"403":                 body(403, `{}`),
		"404":                 body(404, `{}`),
		"429":                 body(429, `{}`),
		"500":                 body(500, `{}`),
		"503":                 body(503, `{}`),
		"redirect":            http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP,
		"connection reset":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a yes with status 500": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(500)
			r.answer(func(map[string]any) {})(w, req)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, remote)
			r.FaultValidate(answer)
			for range 2 { // the second is not remembered either
				r.want(r.Token(), client.ErrUnavailable)
			}
			if n := r.ValidateRequests(); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
}

// H162: a peer that is no HTTP server and sends the request back gets no token
// into an error, the log or a hook.
func TestPeerThatEchoesTheToken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 16<<10)
			for n := 0; !bytes.Contains(request[:n], []byte("}")); {
				m, err := conn.Read(request[n:])
				if n += m; err != nil {
					break
				}
			}
			_, body, _ := bytes.Cut(bytes.TrimRight(request, "\x00"), []byte("\r\n\r\n"))
			conn.Write(append(body, '\n'))
			conn.Close()
		}
	}()
	var log bytes.Buffer
	var traced error
	r := newRig(t, func(c *client.Config) {
		c.Mode = client.ModeRemote
		c.Issuers[0].URL = "http://" + listener.Addr().String()
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.Trace = &client.Trace{Verified: func(i client.VerifiedInfo) { traced = i.Err }}
	})
	token := r.Token()
	err = r.verify(token)
	if !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	r.auth.Close()
	text := fmt.Sprint(err, traced, log.String())
	if !strings.Contains(log.String(), "no verdict") {
		t.Errorf("the log says nothing: %s", text)
	}
	for part := range strings.SplitSeq(token, ".") {
		if strings.Contains(text, part) {
			t.Errorf("%q got out: %s", part, text)
		}
	}
}

// The faults of the network, cold and after a good answer. H161: a redirect
// takes no token along.
func TestRemoteFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range authtest.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t, authtest.WithTLS())
			timeout := time.Minute // longer than any answer takes on a machine under load
			if fault == authtest.TimedOut || fault == authtest.SlowDrip {
				timeout = time.Second // the fault is to answer nothing
			}
			auth, err := client.New(client.Config{
				Mode: client.ModeRemote, Issuers: []client.Issuer{{URL: issuer.URL()}},
				HTTPClient: issuer.HTTPClient(), Timeout: timeout,
				Breaker: client.BreakerConfig{Failures: 1000},
				Logger:  slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer auth.Close()
			for range 2 {
				issuer.Break(fault)
				if user, err := auth.Verify(t.Context(), issuer.Token()); !errors.Is(err, client.ErrUnavailable) || user != (client.User{}) {
					t.Errorf("got %v, %v; want ErrUnavailable", user, err)
				}
				issuer.Up()
				var err error
				for range 10 { // with the short timeout a good answer may come too late
					if _, err = auth.Verify(t.Context(), issuer.Token()); err == nil {
						break
					}
				}
				if err != nil {
					t.Errorf("after the fault: %v", err)
				}
			}
			if n := issuer.RedirectsFollowed(); n != 0 {
				t.Errorf("%d redirects followed", n)
			}
		})
	}
}

// Callers with one token share one call, and one that gives up fails alone.
func TestRemoteMergesLookUps(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	token := r.Token()
	arrived, release := make(chan struct{}), make(chan struct{})
	r.FaultValidate(func(w http.ResponseWriter, req *http.Request) {
		close(arrived)
		<-release
		r.FaultValidate(nil)
		r.ServeHTTP(w, req)
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := r.auth.Verify(ctx, token)
		first <- err
	}()
	<-arrived
	var joined, done sync.WaitGroup
	for range 100 {
		joined.Add(1)
		done.Go(func() {
			joined.Done()
			if err := r.verify(token); err != nil {
				t.Errorf("another caller got %v", err)
			}
		})
	}
	cancel()
	if err := <-first; !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that gave up got %v", err)
	}
	joined.Wait()
	close(release)
	done.Wait()
	// ServeHTTP counts the first request a second time. A caller that came
	// only after the answer may have asked anew, but not most of them.
	if n := r.ValidateRequests(); n > 50 {
		t.Errorf("%d calls for one token", n)
	}
}

// A no is remembered shortly, a yes only if asked, and never past exp (H157).
func TestRemoteMemory(t *testing.T) {
	t.Parallel()
	t.Run("no", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, remote)
		forged := r.Token(authtest.OtherKey())
		for range 10 {
			r.want(forged, client.ErrRejected)
		}
		if n := r.ValidateRequests(); n != 1 {
			t.Errorf("%d calls within the negative TTL, want 1", n)
		}
		r.clock.Advance(2 * time.Second)
		r.want(forged, client.ErrRejected)
		if n := r.ValidateRequests(); n != 2 {
			t.Errorf("%d calls after the negative TTL, want 2", n)
		}
	})
	t.Run("yes", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *client.Config) { c.Mode, c.Cache.TTL = client.ModeRemote, time.Minute })
		token := r.Token()
		r.wantOK(token)
		r.Revoke(token)
		r.clock.Advance(time.Minute - time.Nanosecond)
		r.wantOK(token)
		r.clock.Advance(time.Nanosecond)
		r.want(token, client.ErrRejected)
	})
	t.Run("exp", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *client.Config) { c.Mode, c.Cache.TTL, c.Tokens.Leeway = client.ModeRemote, time.Hour, -1 })
		token := r.Token(authtest.ExpiresIn(30 * time.Second))
		r.wantOK(token)
		r.Down()
		r.clock.Advance(29 * time.Second)
		r.wantOK(token)
		r.clock.Advance(time.Second)
		r.want(token, client.ErrExpired)
	})
}

func TestRemoteReady(t *testing.T) {
	t.Parallel()
	r := newRig(t, remote)
	if err := r.auth.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	for _, fault := range []authtest.Fault{authtest.ServerError, authtest.HTMLPage, authtest.LyingAnswer} {
		r.Break(fault)
		if err := r.auth.Ready(t.Context()); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: got %v", fault, err)
		}
	}
}

// Close ends a Ready that waits for an answer.
func TestCloseEndsRemoteReady(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Mode, c.Timeout = client.ModeRemote, time.Hour })
	arrived := make(chan struct{})
	r.FaultValidate(func(_ http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body) // the server sees an end of the connection only behind it
		close(arrived)
		<-req.Context().Done()
	})
	ready := make(chan error, 1)
	go func() { ready <- r.auth.Ready(context.Background()) }()
	<-arrived
	r.auth.Close()
	if err := <-ready; !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("Ready gave %v", err)
	}
}

// The keys of the fallback are fetched while all is well, without a Ready.
func TestFallbackHasItsKeysBeforeTheOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Mode, c.FallbackLocal = client.ModeRemote, true })
	r.wantOK(r.Token())
	r.settle()
	r.Refuse()
	r.wantOK(r.Token(authtest.Subject("another")))
}

// With the fallback, known keys go on serving while there is no verdict; a no
// of the server stays a no, and what local verification refuses is refused.
func TestFallbackToLocal(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Mode, c.FallbackLocal = client.ModeRemote, true })
	if err := r.auth.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, revoked := r.Token(), r.Token(authtest.SessionID("gone"))
	r.Revoke("gone")
	r.want(revoked, client.ErrRejected)
	r.Refuse()
	for range 20 { // through the breaker's opening
		r.wantOK(good)
	}
	r.want(r.Token(authtest.OtherKey()), client.ErrSignature)
	r.clock.Advance(3 * time.Second) // past the memory of the no
	r.wantOK(revoked)                // as documented: a revocation is not seen
	if s := r.auth.Stats(); s.Fallbacks == 0 || s.Issuers[0].Breaker != "open" || s.Cached != 0 {
		t.Errorf("stats %+v", s)
	}

	off := newRig(t, remote)
	off.wantOK(off.Token())
	off.Refuse()
	off.want(off.Token(), client.ErrUnavailable)
}

// H162: neither the log nor an error holds any of the token, whatever fails.
func TestTokensStayOutOfLogsAndErrors(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		var mu sync.Mutex
		var log bytes.Buffer
		r := newRig(t, func(c *client.Config) {
			c.Mode, c.Breaker.Failures = mode, 2
			c.Logger = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				return log.Write(p)
			}), &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		var tokens []string
		verify := func(token string) {
			tokens = append(tokens, token)
			if err := r.verify(token); err != nil {
				fmt.Fprintln(&log, err)
			}
		}
		for _, fault := range []authtest.Fault{
			authtest.ServerError, authtest.HTMLPage, authtest.HalfAnswer, authtest.WrongJSON,
			authtest.LyingAnswer, authtest.Redirected, authtest.Refused,
		} {
			r.Break(fault)
			verify(r.Token(authtest.Subject("subject-" + string(fault[0]))))
		}
		r.Up()
		verify(r.Token(authtest.Set("iss", "evil-issuer")))
		verify(r.Token(authtest.Header("kid", "evil-kid")))
		verify(r.Token(authtest.Header("alg", "evil-alg")))
		verify("evil.evil.evil")
		r.auth.Close()
		text := log.String()
		if !strings.Contains(text, "unavailable") {
			t.Fatalf("%s: the faults left no trace: %s", mode, text)
		}
		for _, token := range tokens {
			for part := range strings.SplitSeq(token, ".") {
				if strings.Contains(text, part) {
					t.Errorf("%s: the log holds %q", mode, part)
				}
			}
		}
		if strings.Contains(text, "evil") || strings.Contains(text, "subject-") {
			t.Errorf("%s: the log holds what a stranger sent: %s", mode, text)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// transport stands in for the network where time is synctest's.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// The breaker opens after the configured failures in a row, lets one probe
// through at a time, and closes on a verdict, a no included.
func TestBreaker(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithSeed("breaker"))
	bubble.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var changes []string
		status, body := atomic.Int64{}, `{"valid":false}`
		hold := make(chan struct{})
		var holding atomic.Bool
		auth, err := client.New(client.Config{
			Mode:    client.ModeRemote,
			Issuers: []client.Issuer{{URL: "https://auth.test"}},
			Breaker: client.BreakerConfig{Failures: 3, OpenFor: 10 * time.Second},
			Cache:   client.CacheConfig{NegativeTTL: -1},
			Logger:  slog.New(slog.DiscardHandler),
			Trace: &client.Trace{BreakerChange: func(c client.BreakerChangeInfo) {
				changes = append(changes, c.From+">"+c.To)
			}},
			HTTPClient: &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
				calls.Add(1)
				if holding.Load() {
					<-hold
				}
				return respond(int(status.Load()), body)
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer auth.Close()
		want := func(kind error, wantCalls int64) {
			t.Helper()
			before := calls.Load()
			// The bubble's time is in the year 2000: the token is minted for it.
			_, err := auth.Verify(t.Context(), mint(issuer))
			if !errors.Is(err, kind) {
				t.Fatalf("got %v, want %v", err, kind)
			}
			if n := calls.Load() - before; n != wantCalls {
				t.Fatalf("%d calls, want %d", n, wantCalls)
			}
		}

		// A no, a 401 and a 429 never open it, and a no ends a row of failures.
		for _, s := range []int64{200, 401, 429, 404, 302} {
			status.Store(s)
			for range 5 {
				kind := client.ErrUnavailable
				if s == 200 {
					kind = client.ErrRejected
				}
				want(kind, 1)
			}
		}
		status.Store(500)
		want(client.ErrUnavailable, 1)
		want(client.ErrUnavailable, 1)
		status.Store(200)
		want(client.ErrRejected, 1)
		status.Store(500)
		for range 3 {
			want(client.ErrUnavailable, 1)
		}
		if s := auth.Stats().Issuers[0].Breaker; s != "open" {
			t.Fatalf("the breaker is %s after 3 failures", s)
		}
		for range 10 {
			want(client.ErrUnavailable, 0)
		}
		// Half open: one probe, the others are not let through meanwhile.
		time.Sleep(10*time.Second + 1)
		holding.Store(true)
		probe := make(chan error, 1)
		go func() {
			_, err := auth.Verify(t.Context(), mint(issuer, authtest.Subject("probe")))
			probe <- err
		}()
		synctest.Wait()
		want(client.ErrUnavailable, 0)
		holding.Store(false)
		close(hold)
		if err := <-probe; !errors.Is(err, client.ErrUnavailable) {
			t.Fatal(err)
		}
		want(client.ErrUnavailable, 0) // the probe failed: open again
		time.Sleep(10*time.Second + 1)
		status.Store(200)
		want(client.ErrRejected, 1)
		want(client.ErrRejected, 1)
		got := strings.Join(changes, " ")
		if got != "closed>open open>half-open half-open>open open>half-open half-open>closed" {
			t.Errorf("changes: %s", got)
		}
	})
}

// mint makes a good token for the current, perhaps fake, time.
func mint(issuer *authtest.Issuer, claims ...authtest.Claim) string {
	now := time.Now()
	return issuer.Token(append(claims, authtest.IssuedAt(now), authtest.ExpiresAt(now.Add(time.Minute)))...)
}
