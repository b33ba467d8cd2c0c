package main

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestO11Bound: what is bound is what was asked for, and what the log says.
func TestO11Bound(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{"127.0.0.1": "127.0.0.1", "0.0.0.0": "0.0.0.0", "::": "::"} {
		listener, err := listenOn(t.Context(), settings{listen: listen})
		if err != nil {
			t.Errorf("%s: %v", listen, err)
			continue
		}
		bound := listener.Addr().(*net.TCPAddr)
		addr, _ := netip.AddrFromSlice(bound.IP)
		// A machine without IPv6 has no other wildcard than that of IPv4.
		if got := addr.Unmap().String(); got != want && (want != "::" || got != "0.0.0.0") {
			t.Errorf("%s: bound to %s", listen, got)
		}
		_ = listener.Close()
	}
}

// metrics asks a server for its metrics, as a proxy on the same machine does
// that tells nothing of itself.
func (p *process) metrics() int {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), "GET", p.url+"/metrics", nil)
	if err != nil {
		p.Fatal(err)
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// TestV12Metrics: where a proxy stands before the server, nobody gets the
// metrics from PORT, whatever the proxy's requests look like.
func TestV12Metrics(t *testing.T) {
	t.Parallel()
	if got := run(t, t.TempDir(), "PORT=0").started().metrics(); got != http.StatusOK {
		t.Errorf("on a developer's machine: %d", got)
	}
	if got := run(t, t.TempDir(), "PORT=0", "TRUSTED_PROXIES=127.0.0.1/32").started().metrics(); got != http.StatusNotFound {
		t.Errorf("behind a proxy: %d", got)
	}
}

// TestO13Drain: a server that is told to end says first that it is not ready,
// goes on answering meanwhile, and loses no request of clients who keep their
// connections open and go where a ready server is.
func TestO13Drain(t *testing.T) {
	t.Parallel()
	p := run(t, t.TempDir(), "PORT=0", "DRAIN_TIME=3s", "RATE_LIMIT_DISABLED=true").started()
	ready := func() (status int, closes bool, err error) {
		request, err := http.NewRequestWithContext(p.Context(), "GET", p.url+wire.HealthPath+"/ready", nil)
		if err != nil {
			return 0, false, err
		}
		response, err := p.client.Do(request)
		if err != nil {
			return 0, false, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, response.Close, err
	}
	if status, closes, err := ready(); status != http.StatusOK || closes || err != nil {
		t.Fatalf("before: %d, closes %v, %v", status, closes, err)
	}
	var clients sync.WaitGroup
	began := make(chan struct{}, 4)
	for range cap(began) {
		clients.Go(func() {
			for first := true; ; first = false {
				response, err := p.client.Get(p.url + wire.JWKSPath)
				if err != nil {
					t.Errorf("a request was lost: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("a request got %d", response.StatusCode)
				}
				if first {
					began <- struct{}{}
				}
				switch status, closes, err := ready(); {
				case err != nil:
					t.Errorf("a probe was lost: %v", err)
					return
				case status == http.StatusServiceUnavailable:
					if !closes {
						t.Error("an answer keeps its connection open")
					}
					return // as a balancer that sends no more requests here
				}
			}
		})
	}
	for range cap(began) {
		<-began
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	clients.Wait()
	// Not ready, and still at work.
	var keys wire.JWKS
	p.call(wire.JWKSPath, "", http.StatusOK, &keys)
	status, log := p.wait()
	if status != 0 || !strings.Contains(log, "drain_ms=3000") {
		t.Errorf("exit status %d: %s", status, log)
	}
}
