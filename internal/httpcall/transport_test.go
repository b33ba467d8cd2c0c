package httpcall

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// S13: whatever proxy a transport has, plain http goes past it.
func TestS13PlainHTTPUsesNoProxy(t *testing.T) {
	t.Parallel()
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	t.Cleanup(proxy.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "true") }))
	t.Cleanup(server.Close)
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, closeIdle := Client(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxyURL)}})
	defer closeIdle()
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := ReadBody(resp.Body, 100); string(body) != "true" || err != nil || proxied.Load() != 0 {
		t.Errorf("%q, %v; %d requests at the proxy", body, err, proxied.Load())
	}
	secure, err := http.NewRequest(http.MethodGet, "https://auth.test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if through, err := client.Transport.(*http.Transport).Proxy(secure); through == nil || err != nil {
		t.Errorf("https goes through %v, %v; want the proxy", through, err)
	}
}

// The transport of the program stays as it is.
func TestClientLeavesTheGivenTransport(t *testing.T) {
	t.Parallel()
	given := &http.Transport{MaxIdleConnsPerHost: 7, HTTP2: &http.HTTP2Config{PingTimeout: 7}}
	client, closeIdle := Client(&http.Client{Transport: given})
	defer closeIdle()
	own := client.Transport.(*http.Transport)
	if own.MaxIdleConnsPerHost != 7 || own.HTTP2.PingTimeout != 7 || own.HTTP2.SendPingTimeout != pingAfter {
		t.Errorf("%d connections, %+v", own.MaxIdleConnsPerHost, own.HTTP2)
	}
	if given.HTTP2.SendPingTimeout != 0 || given.OnProxyConnectResponse != nil || own == given {
		t.Error("the transport of the program was changed")
	}
}

// S12: as many calls at once as before find their connections again.
func TestS12ConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const rounds, atOnce = 20, 16
	var connections atomic.Int64
	arrived, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client, closeIdle := Client(nil)
	defer closeIdle()
	for range rounds {
		var wg sync.WaitGroup
		for range atOnce {
			wg.Go(func() {
				resp, err := client.Get(server.URL)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			})
		}
		for range atOnce {
			<-arrived
		}
		for range atOnce {
			release <- struct{}{}
		}
		wg.Wait()
	}
	// A connection comes back a little after its answer, so that a call may
	// now and then find none.
	if n := connections.Load(); n > 3*atOnce {
		t.Errorf("%d connections for %d rounds of %d calls at once", n, rounds, atOnce)
	}
}
