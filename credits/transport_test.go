package credits_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/memledger"
)

// Calls that come in waves share as many connections as a wave has.
func TestS12ConnectionsAreKept(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]*http.Client{
		"S12 a transport of its own": nil, "S12 the program's transport": {Transport: &http.Transport{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened atomic.Int64
			server := httptest.NewUnstartedServer(memledger.New(memledger.Config{Free: 1000}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			r := &rig{t: t}
			ledger := r.plain(server.URL, given)
			const wave = 16
			for range 20 {
				var group sync.WaitGroup
				for range wave {
					group.Go(func() {
						if _, err := ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op"}); err != nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
			}
			if n := opened.Load(); n > 2*wave {
				t.Errorf("%d connections for %d calls at a time", n, wave)
			}
		})
	}
}

// plain is a client of a ledger at a URL, with the defaults of a program.
func (r *rig) plain(url string, given *http.Client) *credits.Client {
	r.t.Helper()
	ledger, err := credits.New(credits.Config{URL: url, AppID: "chat", ServiceKey: "key", HTTPClient: given})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = ledger.Close() })
	return ledger
}

// A proxy that the program or its environment has is passed by over plain http:
// it would read the service key, and could answer as it likes.
func TestS13NoProxyOverPlainHTTP(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the proxy was asked")
		_, _ = io.WriteString(w, `{"balance":1000,"totalEarned":0,"totalSpent":0}`)
	}))
	t.Cleanup(proxy.Close)
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(memledger.New(memledger.Config{Free: 150}))
	t.Cleanup(server.Close)
	transport := &http.Transport{Proxy: http.ProxyURL(proxyURL)}
	r := &rig{t: t}
	b := must[credits.Balance](t)(r.plain(server.URL, &http.Client{Transport: transport}).Balance(t.Context(), ada))
	if b.Available() != 150 {
		t.Errorf("balance %+v", b)
	}
}

type traceKey struct{}

// What the caller's context holds reaches the transport, so that traces hang
// together, also where the client asks again on its own account.
func TestS24ContextReachesTheTransport(t *testing.T) {
	t.Parallel()
	server := &inProcess{Ledger: memledger.New(memledger.Config{Free: 150})}
	lost := transport(func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
	server.lose.Store(&lost)
	seen := make(chan any, 8)
	ledger := bubbled(t, func(r *http.Request) (*http.Response, error) {
		seen <- r.Context().Value(traceKey{})
		if server.requests.Load() > 0 {
			server.lose.Store(nil)
		}
		return server.RoundTrip(r)
	}, func(c *credits.Config) { c.Retries = -1 })
	ctx := context.WithValue(t.Context(), traceKey{}, "the trace")
	_, err := ledger.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 1, Operation: "op"})
	(&rig{t: t}).fails(err, credits.ErrUnavailable)
	for range 3 { // the reservation, its second, and its release
		if got := <-seen; got != "the trace" {
			t.Errorf("the transport got %v", got)
		}
	}
}

// A relay that keeps answers must not answer for the ledger: a service key is
// no Authorization, and so a shared cache may store what is asked under it (RFC
// 9111 section 3).
func TestS01ReadsAreNotForACache(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(memledger.New(memledger.Config{Free: 150}))
	t.Cleanup(server.Close)
	var (
		lock   sync.Mutex
		stored = map[string][]byte{}
	)
	relay := transport(func(r *http.Request) (*http.Response, error) {
		lock.Lock()
		defer lock.Unlock()
		if known := stored[r.URL.Path]; known != nil && r.Header.Get("Cache-Control") != "no-cache" {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(known)), Request: r}, nil
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || r.Method != http.MethodGet {
			return resp, err
		}
		defer resp.Body.Close()
		doc, err := io.ReadAll(resp.Body)
		stored[r.URL.Path] = doc
		resp.Body = io.NopCloser(bytes.NewReader(doc))
		return resp, err
	})
	r := &rig{t: t}
	ledger := r.plain(server.URL, &http.Client{Transport: relay})
	for left := int64(150); left > 0; left -= 50 {
		if b := must[credits.Balance](t)(ledger.Balance(t.Context(), ada)); b.Available() != left {
			t.Errorf("%+v, want %d", b, left)
		}
		must[credits.Receipt](t)(ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 50, Operation: "op"}))
	}
}
