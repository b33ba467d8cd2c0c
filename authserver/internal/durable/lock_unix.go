//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package durable

import (
	"os"
	"syscall"
)

// canLock says that a process can see whether another one has a file open.
const canLock = true

// lock locks an open file for this process, and reports whether no other one
// has it. The lock ends with the file's descriptor, also where the process is
// killed.
func lock(file *os.File) bool {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
