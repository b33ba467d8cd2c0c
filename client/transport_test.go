package client_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// through is a transport in front of http.DefaultTransport.
type through func(*http.Request)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return http.DefaultTransport.RoundTrip(r)
}

// S2: a server that closes each connection after one answer, without saying so,
// is asked again: asking for a verdict changes nothing.
func TestS2ConnectionsEndUnannounced(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	type connKey struct{}
	var broken atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Context().Value(connKey{}).(*atomic.Int64).Add(1) > 1 {
			broken.Add(1)
			panic(http.ErrAbortHandler)
		}
		if len(req.Header.Values("X-Idempotency-Key")) > 0 {
			t.Error("a header that holds nothing was sent")
		}
		r.ServeHTTP(w, req)
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, new(atomic.Int64))
	}
	server.Start()
	t.Cleanup(server.Close)
	r.auth = r.newClient(func(c *client.Config) {
		c.Mode, c.Issuers[0].URL, c.Issuers[0].Names = client.ModeRemote, server.URL, []string{"manacore"}
	})
	for range 4 {
		r.wantOK(r.Token())
	}
	if broken.Load() == 0 {
		t.Error("no connection was used twice: the test has lost its teeth")
	}
}

// S10: a panic of the program's own code on a goroutine of the client is one
// error in the log, no verdict for those who wait, and not the end of the process;
// afterwards everything goes on.
func TestS10PanicWhereNobodyRecovers(t *testing.T) {
	t.Parallel()
	panics := func(bad *atomic.Bool) {
		if bad.Load() {
			panic("a secret")
		}
	}
	for name, edit := range map[string]func(*client.Config, *atomic.Bool){
		"S10 the transport of a fetch": func(c *client.Config, bad *atomic.Bool) {
			c.HTTPClient = &http.Client{Transport: through(func(*http.Request) { panics(bad) })}
		},
		"S10 the hook of a fetch": func(c *client.Config, bad *atomic.Bool) {
			c.Trace = &client.Trace{KeyFetch: func(client.KeyFetchInfo) { panics(bad) }}
		},
		"S10 the transport of a question": func(c *client.Config, bad *atomic.Bool) {
			c.Mode = client.ModeRemote
			c.HTTPClient = &http.Client{Transport: through(func(*http.Request) { panics(bad) })}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var bad atomic.Bool
			r := newRig(t, func(c *client.Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				c.Breaker.Failures = 1 // a fault of our own does not open it
				edit(c, &bad)
			})
			bad.Store(true)
			err := r.verify(r.Token())
			bad.Store(false)
			r.clock.Advance(2 * time.Second) // the pause after a failed fetch
			r.wantOK(r.Token(authtest.Subject("other")))
			r.auth.Close()
			text := log.String()
			if strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "panic=string") || strings.Contains(text, "a secret") {
				t.Errorf("after %v the log says %s; want one error, without the text of the panic", err, text)
			}
		})
	}
}

// S10: nor does a hook or a logger that panics where the breaker opens.
func TestS10PanicWhereTheBreakerOpens(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) {
		c.Mode, c.Breaker.Failures = client.ModeRemote, 1
		c.Trace = &client.Trace{BreakerChange: func(client.BreakerChangeInfo) { panic("a hook") }}
		c.Logger = slog.New(panicking{slog.DiscardHandler})
	})
	r.Down()
	r.want(r.Token(), client.ErrUnavailable)
	r.want(r.Token(), client.ErrUnavailable)
	if state := r.auth.Stats().Issuers[0].Breaker; state != "open" {
		t.Errorf("the breaker is %s", state)
	}
}

// S10: nor does a logger that panics where a fetch fails.
func TestS10LoggerPanicsWhereAFetchFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) { c.Logger = slog.New(panicking{slog.DiscardHandler}) })
	r.Down()
	r.want(r.Token(), client.ErrUnavailable)
	r.Up()
	r.clock.Advance(2 * time.Second)
	r.wantOK(r.Token())
}

// panicking is a handler that is broken.
type panicking struct{ slog.Handler }

func (panicking) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelDebug }
func (panicking) Handle(context.Context, slog.Record) error        { panic("a handler") }

// S10: nor does a transport that ends its goroutine, as a test's own does by
// t.FailNow: whoever waits is not left waiting.
func TestS10GoroutineEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *client.Config) {
		c.HTTPClient = &http.Client{Transport: through(func(*http.Request) { runtime.Goexit() })}
	})
	r.want(r.Token(), client.ErrUnavailable)
}

type traceKey struct{}

// S24: what the caller's context holds reaches the transport, for fetches and
// for questions; its end does not.
func TestS24ContextReachesTheTransport(t *testing.T) {
	t.Parallel()
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			seen := make(chan any, 1)
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), traceKey{}, "the trace"))
			r := newRig(t, func(c *client.Config) {
				c.Mode = mode
				c.HTTPClient = &http.Client{Transport: through(func(req *http.Request) {
					cancel()
					if req.Context().Err() != nil {
						t.Error("the caller's end reached the transport")
					}
					seen <- req.Context().Value(traceKey{})
				})}
			})
			_, _ = r.auth.Verify(ctx, r.Token())
			if got := <-seen; got != "the trace" {
				t.Errorf("the transport got %v", got)
			}
		})
	}
}

// S24: nor does a look that has to wait lose them.
func TestS24PlannedLook(t *testing.T) {
	t.Parallel()
	seen := make(chan any, 8)
	r := newRig(t, func(c *client.Config) {
		c.HTTPClient = &http.Client{Transport: through(func(req *http.Request) { seen <- req.Context().Value(traceKey{}) })}
	})
	r.exhaust()
	for range 4 {
		<-seen
	}
	waiting := r.waiting(context.WithValue(t.Context(), traceKey{}, "the trace"), r.madeUp(1)...)
	r.clock.Advance(time.Second)
	waiting.all()
	if got := <-seen; got != "the trace" {
		t.Errorf("the transport got %v", got)
	}
}
