package main

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// relay stands between a backend and the servers, as a network and a load
// balancer do: each connection goes to the server that is chosen when it begins.
type relay struct {
	url string

	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	server string        // host:port; empty: connections are broken off
	flows  chan struct{} // closed while bytes pass
	over   bool
	open   map[net.Conn]bool
}

func newRelay(t *testing.T, to *process) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{url: "http://" + listener.Addr().String(), listener: listener, flows: make(chan struct{}), open: map[net.Conn]bool{}}
	close(r.flows)
	r.choose(to)
	r.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.work.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.mu.Lock()
		r.over = true
		for conn := range r.open {
			_ = conn.Close()
		}
		r.mu.Unlock()
		r.pass()
		r.work.Wait()
	})
	return r
}

// choose takes a server for the connections that begin from here on; nil: none.
func (r *relay) choose(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = ""
	if p != nil {
		r.server = strings.TrimPrefix(p.url, "http://")
	}
}

// drop keeps every byte back, in both directions, and leaves the connections as
// they are, as a network does that drops packets.
func (r *relay) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flows = make(chan struct{})
}

// pass lets bytes pass again, first those that were kept back.
func (r *relay) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.flows:
	default:
		close(r.flows)
	}
}

// gate is closed once bytes pass.
func (r *relay) gate() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flows
}

// enter counts a connection, so that the end of the test breaks it off.
func (r *relay) enter(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		_ = conn.Close()
		return false
	}
	r.open[conn] = true
	return true
}

func (r *relay) leave(conn net.Conn) {
	_ = conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
}

func (r *relay) serve(near net.Conn) {
	if !r.enter(near) {
		return
	}
	defer r.leave(near)
	<-r.gate()
	r.mu.Lock()
	server := r.server
	r.mu.Unlock()
	far, err := net.Dial("tcp", server)
	if err != nil || !r.enter(far) {
		return
	}
	defer r.leave(far)
	r.work.Go(func() {
		r.forward(far, near)
		_ = near.Close()
	})
	r.forward(near, far)
}

// forward copies until one of the two ends.
func (r *relay) forward(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		<-r.gate()
		if _, broken := to.Write(buffer[:n]); broken != nil || err != nil {
			return
		}
	}
}

// leadsTo reports whether a server is the chosen one.
func (r *relay) leadsTo(p *process) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.server == strings.TrimPrefix(p.url, "http://")
}
