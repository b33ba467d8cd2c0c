package credits

import (
	"context"
	"errors"
	"sync"
)

const (
	// maxUnknown is how many reservations a client looks for at once.
	maxUnknown = 256
	// maxAsks is how often it asks for each of them.
	maxAsks = 20
)

// unknown counts the goroutines that look for reservations. Its zero value is
// ready.
type unknown struct {
	mu     sync.Mutex
	n      int
	closed bool
	group  sync.WaitGroup
}

// run starts f on a goroutine, unless there are too many or it is too late.
func (u *unknown) run(f func()) (started bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || u.n == maxUnknown {
		return false
	}
	u.n++
	u.group.Go(func() {
		defer func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.n--
		}()
		f()
	})
	return true
}

// close waits for all of them.
func (u *unknown) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.group.Wait()
}

// releaseUnknown asks once more for a reservation whose answer did not come, on
// a context that outlives the caller's, and releases what there is.
func (c *Client) releaseUnknown(ctx context.Context, p ReserveParams, key string) {
	ctx = context.WithoutCancel(ctx)
	started := c.unknown.run(func() {
		var err error
		for n := range maxAsks {
			if err = c.releaseOnce(ctx, p, key); !errors.Is(err, ErrUnavailable) {
				return // it is released, or the ledger knows of none
			}
			if !c.waitOpen(ctx, n) {
				break
			}
		}
		c.leftToExpire(err)
	})
	if !started {
		c.leftToExpire(errTooMany)
	}
}

// releaseOnce asks for the reservation under its key, which makes it where the
// first request did not arrive, and releases it.
func (c *Client) releaseOnce(ctx context.Context, p ReserveParams, key string) error {
	var r Reservation
	if err := c.run(ctx, c.reserve(p, key, &r)); err != nil {
		return err
	}
	return c.run(ctx, release(r.ID))
}

// waitOpen waits before the next question. It returns false once the client is
// closed.
func (c *Client) waitOpen(ctx context.Context, n int) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	return c.wait(ctx, c.pause(n, 0))
}

func (c *Client) leftToExpire(err error) {
	c.warn.Do(func() {
		c.logger().Warn("a reservation may have been made that nobody uses, and is left to expire", "url", c.config.URL, "error", err)
	})
}
