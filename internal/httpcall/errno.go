//go:build !windows

package httpcall

import "syscall"

// These are the numbers by which the system tells why there is no connection.
var (
	noFiles = []syscall.Errno{syscall.EMFILE, syscall.ENFILE}
	noRoute = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN}
	noPort  = []syscall.Errno{syscall.EADDRNOTAVAIL}
	refused = []syscall.Errno{syscall.ECONNREFUSED}
	broken  = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE}
)
