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
	// An *os.File, because it closes once: a second close of a bare descriptor
	// would hit whatever has its number by then.
	held := os.NewFile(uintptr(fd), "held port")
	if err := bind(fd, ap); err != nil {
		held.Close()
		return nil, err
	}
	return held, nil
}

func bind(fd int, ap netip.AddrPort) error {
	// The connections just cut may still be in TIME_WAIT.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	addr := &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	return os.NewSyscallError("bind", syscall.Bind(fd, addr))
}
