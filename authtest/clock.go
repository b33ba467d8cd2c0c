package authtest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Clock is a clock that moves only when told to, so that a test never sleeps.
// It has the two methods that client.Config asks of a clock. A nil *Clock is
// the real time; only Advance and Set need one made by NewClock.
//
// It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	goal    time.Time // where the running Advance calls are heading; never before now
	timers  []*timer  // by time due, equal ones in the order they were set
	changed chan struct{}
}

type timer struct {
	due time.Time
	f   func()
}

// NewClock returns a clock that stands at start.
func NewClock(start time.Time) *Clock {
	return &Clock{now: start, goal: start, changed: make(chan struct{})}
}

// Now is the time on the clock.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc has f called once the clock has moved on by d: by the goroutine
// that calls Advance or Set, before that call returns. A d of zero or less is
// due at the next such call, even one that moves by nothing. stop reports
// whether it prevented the call.
//
// No lock is held while f runs, so f may use the clock, AfterFunc and Advance
// included.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	if c == nil {
		return time.AfterFunc(d, f).Stop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{due: c.now.Add(max(d, 0)), f: f}
	at, _ := slices.BinarySearchFunc(c.timers, t, func(have, want *timer) int {
		if have.due.After(want.due) {
			return 1
		}
		return -1
	})
	c.timers = slices.Insert(c.timers, at, t)
	close(c.changed)
	c.changed = make(chan struct{})
	return func() bool { return c.remove(t) }
}

// Advance moves the clock on by d and calls, in the order of their times,
// every function that falls due on the way; each sees the clock at its own
// time. Concurrent calls add up. It panics on a negative d: see Set.
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic("authtest: Advance by a negative duration; Set moves a clock back")
	}
	c.mu.Lock()
	c.goal = c.goal.Add(d)
	c.mu.Unlock()
	for {
		f := c.step()
		if f == nil {
			return
		}
		f()
	}
}

// Set moves the clock to t. Forward it is Advance. Backward it is what a
// corrected wall clock is to a running process: waiting functions still wait
// as long as before.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	d := t.Sub(c.now)
	if d < 0 {
		c.now, c.goal = t, t
		for _, w := range c.timers {
			w.due = w.due.Add(d)
		}
	}
	c.mu.Unlock()
	if d >= 0 {
		c.Advance(d)
	}
}

// AwaitTimers returns once at least n functions wait on the clock: the moment
// at which a test may advance it, where another goroutine sets the timer. Its
// error is that of ctx.
func (c *Clock) AwaitTimers(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		have, changed := len(c.timers), c.changed
		c.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// step moves to the next function due and returns it, or arrives at the goal
// and returns nil.
func (c *Clock) step() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].due.After(c.goal) {
		c.now = c.goal
		return nil
	}
	next := c.timers[0]
	c.timers = slices.Delete(c.timers, 0, 1)
	c.now = next.due
	return next.f
}

func (c *Clock) remove(t *timer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := slices.Index(c.timers, t)
	if at < 0 {
		return false
	}
	c.timers = slices.Delete(c.timers, at, at+1)
	return true
}
