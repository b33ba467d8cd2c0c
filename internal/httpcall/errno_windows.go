package httpcall

import "syscall"

// These are the numbers by which Winsock tells why there is no connection. The
// names that package syscall shares with other systems stand for numbers that
// Windows never returns.
var (
	noFiles = []syscall.Errno{10024}                      // WSAEMFILE
	noRoute = []syscall.Errno{10065, 10051, 10064, 10050} // WSAEHOSTUNREACH, WSAENETUNREACH, WSAEHOSTDOWN, WSAENETDOWN
	noPort  = []syscall.Errno{10049, 10055}               // WSAEADDRNOTAVAIL, WSAENOBUFS
	refused = []syscall.Errno{10061}                      // WSAECONNREFUSED
	broken  = []syscall.Errno{10054, 10053, 10058}        // WSAECONNRESET, WSAECONNABORTED, WSAESHUTDOWN
)
