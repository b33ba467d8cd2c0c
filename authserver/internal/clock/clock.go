// Package clock tells the time, so that a test can tell another one.
package clock

import "time"

// Clock tells the time. AfterFunc calls f on its own goroutine or from
// whatever moves the clock once d has passed; stop says whether it prevented
// the call, as [time.Timer.Stop] does. A clock that jumps over several d calls
// once.
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
