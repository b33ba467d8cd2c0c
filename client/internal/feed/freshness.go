package feed

import (
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// slack is how far the server's knowledge may lag behind the time that has
// passed here.
const slack = 2 * time.Second

// maxLag is how long a connection may lag before another one is tried.
const maxLag = 3 * time.Second

// freshness says until when what was read of the feed is all there is to know.
//
// A connection's first event answers its request, so what it says counts for the
// time at which the request was sent. A server whose knowledge is older than a
// second then answers 503 instead. By as much as the later events say that its
// knowledge has advanced, by so much is it known here: begun + (KnownUpTo − the
// first KnownUpTo). A relay that holds everything back can only make that less.
// Neither the two clocks nor the time on the way come into it.
//
// It is kept by the monotonic clock, which stands still while a machine is
// suspended, and by the wall clock, which may be set back: both must agree.
type freshness struct {
	start     time.Time
	monotonic atomic.Int64 // nanoseconds since start
	wall      atomic.Int64 // nanoseconds since the Unix epoch
}

// connection is what freshness needs of one connection.
type connection struct {
	begun  time.Time // before the request was sent
	first  int64     // KnownUpTo of the first event; 0: none has come
	behind time.Time // since when its events lag; zero: they do not
}

// begin takes in the first event, and reports whether this is it.
func (c *connection) begin(event wire.Revocations) bool {
	if c.first != 0 {
		return false
	}
	c.first = event.KnownUpTo
	return true
}

// lags is an error where the connection has lagged for maxLag. The next one
// begins with a new first event, which helps where the server's clock was set
// back, or where one of the two clocks is slow.
func (c *connection) lags(now time.Time) error {
	if c.behind.IsZero() {
		c.behind = now
	}
	if now.Sub(c.behind) >= maxLag {
		return errBehind
	}
	return nil
}

// known is the instant here up to which the server knew everything. A server
// that runs ahead of the time, or says so, knows no more than now.
func (c *connection) known(knownUpTo int64, now time.Time) time.Time {
	advance := min(max(knownUpTo-c.first, 0), now.Sub(c.begun).Milliseconds())
	return c.begun.Add(time.Duration(advance) * time.Millisecond)
}

// read takes in an event that leaves nothing open.
func (f *freshness) read(c *connection, knownUpTo int64, now time.Time) {
	until := c.known(knownUpTo, now).Add(slack)
	raise(&f.monotonic, int64(until.Sub(f.start)))
	raise(&f.wall, until.UnixNano())
}

// lost says that something is not known.
func (f *freshness) lost() {
	f.monotonic.Store(0)
	f.wall.Store(0)
}

func (f *freshness) holds(now time.Time) bool {
	return int64(now.Sub(f.start)) < f.monotonic.Load() && now.UnixNano() < f.wall.Load()
}

// raise leaves a later instant as it is: what an earlier connection has brought
// is known all the same. One goroutine writes.
func raise(at *atomic.Int64, to int64) {
	if to > at.Load() {
		at.Store(to)
	}
}
