//go:build unix

package authtest

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// heldPort is a port that is bound and not listened on: connections are
// refused, and the system gives it to nobody else meanwhile. It is an *os.File
// because that closes once: a second close of a bare descriptor would hit
// whatever has its number by then.
type heldPort struct{ *os.File }

func holdPort(addr string) (*heldPort, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	held := &heldPort{os.NewFile(uintptr(fd), "held port")}
	if err := bind(fd, ap); err != nil {
		held.Close()
		return nil, err
	}
	return held, nil
}

func bind(fd int, ap netip.AddrPort) error {
	// The connections just cut may still be there, or in TIME_WAIT.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	addr := &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	return os.NewSyscallError("bind", syscall.Bind(fd, addr))
}

// listen makes a listener of the very socket: were the port let go of first,
// somebody else's connection could get it. The listener has a descriptor of
// its own.
func (h *heldPort) listen() (net.Listener, error) {
	defer h.Close()
	if err := syscall.Listen(int(h.Fd()), syscall.SOMAXCONN); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(h.File)
}
