package main

import (
	linked "container/list"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"github.com/manacore/manacore-go/internal/subnet"
)

const (
	// maxConnections is how many connections are open at most, where the system
	// allows so many.
	maxConnections = 10_000
	// otherFiles is how many files and connections the server keeps for itself:
	// database, log and what a library opens for a moment.
	otherFiles = 256
	// maxPerAddress is how many open connections one address may have.
	maxPerAddress = 256
)

// bounds returns the configured limits on open connections, or the defaults.
// Without rate limits an address has no limit of its own.
func (s settings) bounds() (most, perAddress int) {
	most, perAddress = s.connections, s.perAddress
	if most == 0 {
		most = maxConnections
		if files := openFiles(); files > 0 && files < maxConnections+otherFiles {
			most = max(int(files)-otherFiles, int(files)/2)
		}
	}
	if perAddress == 0 {
		perAddress = maxPerAddress
	}
	if s.server.HTTP.RateLimitsDisabled {
		perAddress = most
	}
	return most, min(perAddress, most)
}

// connections limits the open connections of a listener, in all and of each
// address; an IPv6 address counts by its /64. Connections of trusted proxies do
// not count, and loopback addresses have no limit of their own. At a limit the
// connection that has been idle longest is closed, and the new one only if none is
// idle. So nobody keeps others out by connections that do nothing.
type connections struct {
	net.Listener
	most, perAddress int
	trusted          []netip.Prefix

	lock    sync.Mutex // guards what follows
	open    map[net.Conn]*connection
	waiting *linked.List // of *connection, the one that has waited longest first
	of      map[netip.Prefix]int
}

// connection is an open connection that counts against the limits.
type connection struct {
	conn    net.Conn
	from    netip.Prefix
	waiting *linked.Element // nil: it is at work
}

func newConnections(l net.Listener, most, perAddress int, trusted []netip.Prefix) *connections {
	return &connections{
		Listener: l, most: most, perAddress: perAddress, trusted: trusted,
		open: map[net.Conn]*connection{}, waiting: linked.New(), of: map[netip.Prefix]int{},
	}
}

// Accept implements net.Listener.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, counts := c.origin(conn)
		if !counts || c.admit(conn, from) {
			return conn, nil
		}
		_ = conn.Close() // the client sees that it is closed
	}
}

// origin is the address or network that a connection counts against. The bool is
// false for a trusted proxy.
func (c *connections) origin(conn net.Conn) (netip.Prefix, bool) {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}, true
	}
	addr := peer.Addr().Unmap()
	if slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return netip.Prefix{}, false
	}
	return subnet.Client(addr), true
}

// admit counts a connection. It reports false where there is no room and no idle
// connection to close.
func (c *connections) admit(conn net.Conn, from netip.Prefix) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !from.Addr().IsLoopback() && c.of[from] >= c.perAddress && !c.makeRoom(func(o *connection) bool { return o.from == from }) {
		return false
	}
	if len(c.open) >= c.most && !c.makeRoom(func(*connection) bool { return true }) {
		return false
	}
	added := &connection{conn: conn, from: from}
	added.waiting = c.waiting.PushBack(added)
	c.open[conn] = added
	c.of[from]++
	return true
}

// makeRoom closes the connection that has waited longest of those that fit.
func (c *connections) makeRoom(fits func(*connection) bool) bool {
	for e := c.waiting.Front(); e != nil; e = e.Next() {
		if o := e.Value.(*connection); fits(o) { //nolint:forcetypeassert // the list has nothing else
			c.forget(o)
			_ = o.conn.Close() // its server notices
			return true
		}
	}
	return false
}

// forget stops counting a connection.
func (c *connections) forget(o *connection) {
	delete(c.open, o.conn)
	if c.of[o.from]--; c.of[o.from] == 0 {
		delete(c.of, o.from)
	}
	if o.waiting != nil {
		c.waiting.Remove(o.waiting)
		o.waiting = nil
	}
}

// changed is the ConnState hook of the server. It keeps track of which connections
// are idle.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.lock.Lock()
	defer c.lock.Unlock()
	o := c.open[conn]
	if o == nil {
		return // it does not count, or was closed to make room
	}
	switch state {
	case http.StateActive:
		if o.waiting != nil {
			c.waiting.Remove(o.waiting)
			o.waiting = nil
		}
	case http.StateIdle:
		if o.waiting == nil {
			o.waiting = c.waiting.PushBack(o)
		}
	case http.StateClosed, http.StateHijacked:
		c.forget(o)
	case http.StateNew: // it waits for its first request already
	}
}
