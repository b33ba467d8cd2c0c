//go:build !unix

package authtest

import "net"

// heldPort is the address of a port that nobody holds, where one cannot be
// bound without listening in a portable way: another process may take it
// meanwhile.
type heldPort struct{ addr string }

func holdPort(addr string) (*heldPort, error) { return &heldPort{addr}, nil }

func (h *heldPort) listen() (net.Listener, error) { return net.Listen("tcp", h.addr) }

func (h *heldPort) Close() error { return nil }
