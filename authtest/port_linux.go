package authtest

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// port is a port of this machine that belongs to one issuer until it is closed.
// Its socket is bound and never listens. The system therefore refuses
// connections while no listener is there, and gives the port to nobody who asks
// for a free one; a listener may share it, because both set SO_REUSEADDR.
//
// It is an *os.File because that closes once: a second close of a bare
// descriptor would hit whatever has its number by then.
type port struct {
	*os.File
	addr string
}

func reservePort() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &port{File: os.NewFile(uintptr(fd), "reserved port")}
	if p.addr, err = bindLoopback(fd); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// bindLoopback binds a socket to a free port and returns its address.
func bindLoopback(fd int) (string, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return "", os.NewSyscallError("setsockopt", err)
	}
	loopback := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, &loopback); err != nil {
		return "", os.NewSyscallError("bind", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return "", os.NewSyscallError("getsockname", err)
	}
	number := uint16(bound.(*syscall.SockaddrInet4).Port)
	return netip.AddrPortFrom(netip.AddrFrom4(loopback.Addr), number).String(), nil
}

func (p *port) listen() (net.Listener, error) { return net.Listen("tcp", p.addr) }
