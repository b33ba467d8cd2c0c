package feed

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

// overSockets is a feed over real connections, on a clock that the test moves.
type overSockets struct {
	*testing.T
	feed  *Feed
	clock *authtest.Clock
	log   *lockedBuffer
}

func newOverSockets(t *testing.T, url string, transport *http.Client) *overSockets {
	t.Helper()
	o := &overSockets{T: t, clock: authtest.NewClock(time.Now()), log: new(lockedBuffer)}
	client, closeIdle := httpcall.Client(transport)
	o.feed = New(Config{
		URL: url + wire.RevocationsPath, HTTP: client, Latest: 24 * time.Hour, Clock: o.clock,
		Log: slog.New(slog.NewTextHandler(o.log, nil)), KeysChanged: func() {},
	})
	t.Cleanup(func() {
		o.feed.Close()
		closeIdle()
	})
	o.feed.Start()
	return o
}

// until waits for what the goroutine that reads does. The clock moves on by step
// between two looks.
func (o *overSockets) until(step time.Duration, done func() bool) {
	o.Helper()
	breath := time.NewTicker(time.Millisecond)
	defer breath.Stop()
	for !done() {
		select {
		case <-breath.C:
			o.clock.Advance(step)
		case <-o.Context().Done():
			o.Fatal(o.Context().Err())
		}
	}
}

func (o *overSockets) fresh() bool { return o.feed.Stats().Fresh }

// inPieces hands on what was read only when there is a whole piece of it, as a
// proxy does that buffers.
type inPieces struct {
	io.ReadCloser
	ready bytes.Buffer
}

func (p *inPieces) Read(b []byte) (int, error) {
	if p.ready.Len() == 0 {
		if _, err := io.CopyN(&p.ready, p.ReadCloser, 64<<10); err != nil && p.ready.Len() == 0 {
			return 0, err
		}
	}
	return p.ready.Read(b)
}

// TestProxyThatBuffers: a proxy that collects the events is silence, from the
// beginning on or in the middle, and the feed is fresh once it hands them on.
func TestProxyThatBuffers(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithRevocations())
	target, err := url.Parse(issuer.URL())
	if err != nil {
		t.Fatal(err)
	}
	var buffers atomic.Bool
	buffers.Store(true)
	asked := make(chan struct{}, 1000)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error {
			if buffers.Load() {
				answer.Body = &inPieces{ReadCloser: answer.Body}
			}
			asked <- struct{}{}
			return nil
		},
		Transport: issuer.HTTPClient().Transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	})
	t.Cleanup(proxy.Close)
	o := newOverSockets(t, proxy.URL, proxy.Client())
	<-asked
	if o.fresh() {
		t.Error("fresh though no event can have come")
	}
	o.until(100*time.Millisecond, func() bool { return o.log.count("the revocation feed is silent") == 1 })
	issuer.Revoke("ada's session")
	buffers.Store(false)
	o.until(10*time.Millisecond, o.fresh)
	if ended, _ := o.feed.Look(ada, o.clock.Now()); !ended {
		t.Error("fresh, and what ended meanwhile is not known")
	}
}

// TestHTTP2StreamThatStalls: a stream of which nothing comes is silence, though
// its connection lives and serves other streams.
func TestHTTP2StreamThatStalls(t *testing.T) {
	t.Parallel()
	var stalls atomic.Bool
	stalls.Store(true)
	begun := make(chan string, 1000) // the addresses of the connections
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- r.Proto + " " + r.RemoteAddr
		w.Header().Set("Content-Type", wire.EventStream)
		event := []byte("data: {\"knownUpTo\":1}\n\n")
		if stalls.Load() {
			event = event[:10]
		}
		_, _ = w.Write(event)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	o := newOverSockets(t, server.URL, server.Client())
	first := <-begun
	o.until(100*time.Millisecond, func() bool { return o.log.count("the revocation feed is silent") == 1 })
	stalls.Store(false)
	o.until(10*time.Millisecond, o.fresh)
	for len(begun) > 0 {
		if again := <-begun; again != first || again[:len("HTTP/2.0 ")] != "HTTP/2.0 " {
			t.Errorf("the connections are %s and %s, want one of HTTP/2", first, again)
		}
	}
}
