// Package clock tells the time through a value, so that a test can set the
// time.
package clock

import "time"

// Clock tells the time. AfterFunc calls f once d has passed, on a goroutine of
// its own or on the one that moves the clock. stop reports whether it prevented
// the call, as [time.Timer.Stop] does. A clock that jumps ahead by several d
// calls f once.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// System is the clock of the machine.
type System struct{}

// Now implements [Clock].
func (System) Now() time.Time { return time.Now() }

// AfterFunc implements [Clock].
func (System) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}
