package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// arrivals is a listener whose connections a test makes.
type arrivals chan net.Conn

func (a arrivals) Accept() (net.Conn, error) {
	conn, ok := <-a
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (arrivals) Close() error   { return nil }
func (arrivals) Addr() net.Addr { return &net.TCPAddr{} }

// remote is a connection from an address.
type remote struct {
	net.Conn
	from net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.from }

// TestV13Connections: the connections of an address and of all are bounded, and
// those that wait make room. Trusted proxies do not count.
func TestV13Connections(t *testing.T) {
	t.Parallel()
	came := make(arrivals, 1)
	c := newConnections(came, 4, 2, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	t.Cleanup(func() { close(came) })
	// arrive returns the server's end, or nil where the connection was refused,
	// and the client's.
	arrive := func(from string) (server, client net.Conn) {
		t.Helper()
		client, inner := net.Pipe()
		t.Cleanup(func() { _ = client.Close() })
		conn := &remote{Conn: inner, from: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
		origin, counts := c.origin(conn)
		if counts && !c.admit(conn, origin) {
			return nil, client
		}
		return conn, client
	}
	closed := func(client net.Conn) bool {
		done := make(chan error, 1)
		go func() { _, err := client.Read(make([]byte, 1)); done <- err }()
		_, err := client.Write([]byte("x"))
		_ = client.Close()
		<-done
		return errors.Is(err, io.ErrClosedPipe)
	}
	first, firstClient := arrive("192.0.2.1:1")
	second, _ := arrive("192.0.2.1:2")
	c.changed(first, http.StateActive)
	c.changed(first, http.StateIdle) // it waits for less long than the second now
	third, _ := arrive("192.0.2.1:3")
	if third == nil {
		t.Fatal("one that waits made no room")
	}
	if c.open[second] != nil || c.open[first] == nil {
		t.Error("the one that waited longest was not closed")
	}
	c.changed(first, http.StateActive)
	c.changed(third, http.StateActive)
	if conn, _ := arrive("192.0.2.1:4"); conn != nil {
		t.Error("more than two at work from one address")
	}
	other, _ := arrive("[2001:db8::1]:1")
	same, _ := arrive("[2001:db8::2]:1")
	c.changed(other, http.StateActive)
	c.changed(same, http.StateActive)
	if conn, _ := arrive("[2001:db8::3]:1"); conn != nil {
		t.Error("a /64 counts as several addresses")
	}
	if conn, _ := arrive("198.51.100.1:1"); conn != nil {
		t.Error("more than four at work")
	}
	for range 10 {
		if conn, _ := arrive("10.1.2.3:1"); conn == nil {
			t.Error("a trusted proxy is refused")
		}
	}
	c.changed(first, http.StateIdle)
	if conn, _ := arrive("198.51.100.1:1"); conn == nil || !closed(firstClient) {
		t.Error("one that waits made no room for another address")
	}
	for _, conn := range []net.Conn{first, third, other, same} {
		c.changed(conn, http.StateClosed)
	}
	if len(c.open) != 1 || len(c.of) != 1 || c.waiting.Len() != 1 {
		t.Errorf("%d connections of %d addresses count, %d of them waiting", len(c.open), len(c.of), c.waiting.Len())
	}
}

// TestV13IdleConnections: strangers who open more connections than there is room
// for keep nobody out.
func TestV13IdleConnections(t *testing.T) {
	t.Parallel()
	listener, err := listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	server := start(newConnections(listener, 20, 20, nil), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.New(slog.DiscardHandler), failed)
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	for range 60 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	for range 3 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%d, %v", response.StatusCode, err)
		}
	}
}

// TestV13Bounds: the bounds leave files to the server, and load tests alone.
func TestV13Bounds(t *testing.T) {
	t.Parallel()
	most, perAddress := settings{}.bounds()
	if files := openFiles(); most < 1 || most > maxConnections || files > 0 && uint64(most) >= files || perAddress > maxPerAddress {
		t.Errorf("%d connections, %d of an address, with %d files", most, perAddress, files)
	}
	s := settings{connections: 1000, perAddress: 10}
	if most, perAddress := s.bounds(); most != 1000 || perAddress != 10 {
		t.Errorf("%d connections, %d of an address", most, perAddress)
	}
	s.server.HTTP.RateLimitsDisabled = true
	if most, perAddress := s.bounds(); most != 1000 || perAddress != 1000 {
		t.Errorf("without limits %d connections, %d of an address", most, perAddress)
	}
}
