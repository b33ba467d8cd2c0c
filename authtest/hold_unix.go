//go:build unix

package authtest

import (
	"io"
	"net/netip"
	"os"
	"syscall"
)

// holdPort binds addr without listening on it: connections are refused, and
// the system gives the port to nobody else meanwhile.
func holdPort(addr string) (io.Closer, error) {
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
	s := socket(fd)
	// The connections just cut may still be in TIME_WAIT.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		s.Close()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}); err != nil {
		s.Close()
		return nil, os.NewSyscallError("bind", err)
	}
	return s, nil
}

type socket int

func (s socket) Close() error { return os.NewSyscallError("close", syscall.Close(int(s))) }
