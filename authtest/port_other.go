//go:build !linux

package authtest

import "net"

// port is the address of a port that was free a moment ago. It is not reserved:
// another process may take it while the issuer refuses connections, because a
// socket that only holds a port keeps a listener of the same program out too.
type port struct{ addr string }

func reservePort() (*port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &port{addr: listener.Addr().String()}, listener.Close()
}

func (p *port) listen() (net.Listener, error) { return net.Listen("tcp", p.addr) }

func (p *port) Close() error { return nil }
