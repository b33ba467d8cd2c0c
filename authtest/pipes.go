package authtest

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
)

// The addresses of an issuer without sockets, and of where Redirected points. No
// socket listens there, so that a client that does not dial through the pipes
// is refused.
const (
	pipeAddress      = "127.0.0.1:1"
	elsewhereAddress = "127.0.0.1:2"
)

// pipes is the network of an issuer without sockets: its connections are pipes
// in memory.
type pipes struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener // by address
}

// listen takes over an address.
func (p *pipes) listen(address string) net.Listener {
	l := &pipeListener{address: pipeAddr(address), conns: make(chan net.Conn), closed: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners == nil {
		p.listeners = map[string]*pipeListener{}
	}
	p.listeners[address] = l
	return l
}

// dial is for http.Transport. Where nobody listens the connection is refused, as
// the system does it.
func (p *pipes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	l := p.listeners[address]
	p.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: network, Addr: pipeAddr(address), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	if l == nil {
		return nil, refused
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, refused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipeListener accepts what is dialed at its address.
type pipeListener struct {
	address pipeAddr
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return l.address }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
