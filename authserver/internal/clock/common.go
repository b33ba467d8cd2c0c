package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Shared is implemented by a clock that is the database's too, as in tests,
// where a database cannot be made to show another time.
type Shared interface{ Shared() }

// maxOff is by how much a clock may be wrong. One that is further off was set on
// purpose, as for a test of what happens next year, and is left alone.
const maxOff = 24 * time.Hour

// Common shows the time of the database, by which all servers on it judge each
// other's instants: the grace of spent tokens, expiry, and the age of
// revocations. Until the first observation it shows the time of the server's
// own clock. It is safe for concurrent use.
type Common struct {
	own    Clock
	shared bool

	observing sync.Mutex              // held by Observe
	last      atomic.Pointer[reading] // nil before the first observation
}

// reading is what both clocks showed at one instant.
type reading struct{ own, database time.Time }

// at is what the database's clock shows where the server's own shows now.
func (r *reading) at(now time.Time) time.Time { return r.database.Add(now.Sub(r.own)) }

// NewCommon makes a clock that goes as own does, and is set by Observe. Where
// own is Shared, it stays as it is.
func NewCommon(own Clock) *Common {
	_, shared := own.(Shared)
	return &Common{own: own, shared: shared}
}

// Own is the server's own time.
func (c *Common) Own() time.Time { return c.own.Now() }

// Now implements [Clock]. Steps of the server's own clock between two
// observations do not show.
func (c *Common) Now() time.Time {
	if last := c.last.Load(); last != nil {
		return last.at(c.own.Now())
	}
	return c.own.Now()
}

// AfterFunc implements [Clock]. A duration is the same on both clocks.
func (c *Common) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return c.own.AfterFunc(d, f)
}

// Observe says that the database's clock showed an instant at some time between
// two of the server's own. It returns by how much the server's clock is ahead.
// Where the common time agrees with the observation it stays as it is, so that
// the time an answer takes does not make it jump.
func (c *Common) Observe(asked, answered, database time.Time) (ahead time.Duration) {
	if c.shared || database.IsZero() {
		return 0
	}
	c.observing.Lock()
	defer c.observing.Unlock()
	if off := answered.Round(0).Sub(database); off.Abs() > maxOff {
		c.last.Store(nil)
		return off
	}
	// At the instant answered the database showed at least database, and at most
	// so much more as the answer took.
	least := database
	most := database.Add(answered.Sub(asked))
	now := most
	if last := c.last.Load(); last != nil {
		now = last.at(answered)
	}
	switch {
	case now.Before(least):
		now = least
	case now.After(most):
		now = most
	}
	now = now.Round(0).UTC()
	c.last.Store(&reading{own: answered, database: now})
	return answered.Round(0).Sub(now)
}
