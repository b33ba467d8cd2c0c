// Package clocktest has a clock for tests, which moves only when a test moves
// it.
package clocktest

import (
	"sync"
	"time"
)

// Clock is a clock.Clock that only Advance and Jump move. It is safe for
// concurrent use.
type Clock struct {
	lock   sync.Mutex
	now    time.Time
	timers map[*timer]bool
}

type timer struct {
	due time.Time
	f   func()
}

// New makes a clock that shows an instant.
func New(begin time.Time) *Clock { return &Clock{now: begin, timers: map[*timer]bool{}} }

// Now is the instant that the clock shows.
func (c *Clock) Now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.now
}

// Shared says that the database shows the same time, as the servers of a test take it.
func (c *Clock) Shared() {}

// AfterFunc has Advance call f once d has passed.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	t := &timer{due: c.now.Add(d), f: f}
	c.timers[t] = true
	return func() bool {
		c.lock.Lock()
		defer c.lock.Unlock()
		waits := c.timers[t]
		delete(c.timers, t)
		return waits
	}
}

// Jump moves the clock and calls no function, as when a process is suspended.
func (c *Clock) Jump(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.now = c.now.Add(d)
}

// Advance moves the clock and calls each function that has come due. It calls
// them concurrently, and each once however long it is overdue. It returns when
// they have returned.
func (c *Clock) Advance(d time.Duration) {
	c.Jump(d)
	var all sync.WaitGroup
	for _, f := range c.due() {
		all.Go(f)
	}
	all.Wait()
}

// due removes and returns the functions that have come due.
func (c *Clock) due() (due []func()) {
	c.lock.Lock()
	defer c.lock.Unlock()
	for t := range c.timers {
		if !t.due.After(c.now) {
			delete(c.timers, t)
			due = append(due, t.f)
		}
	}
	return due
}
