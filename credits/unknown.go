package credits

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/internal/recovery"
)

const (
	// maxUnknown is how many reservations a client looks for at once.
	maxUnknown = 256
	// maxAsks is how often it asks for each of them.
	maxAsks = 20
)

// unknown holds the goroutines that look for reservations, by the user whose
// credits they are of.
type unknown struct {
	mu     sync.Mutex
	n      int
	users  map[string]*search
	closed bool
	group  sync.WaitGroup
	warn   rate.Sometimes
}

// search is how many goroutines look for reservations of one user.
type search struct {
	n    int
	done chan struct{} // closed when there is none left
}

// run starts f on a goroutine, unless there are too many or it is too late.
func (u *unknown) run(userID string, f func()) (started bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || u.n == maxUnknown {
		return false
	}
	if u.users == nil {
		u.users = map[string]*search{}
	}
	s := u.users[userID]
	if s == nil {
		s = &search{done: make(chan struct{})}
		u.users[userID] = s
	}
	u.n++
	s.n++
	u.group.Go(func() {
		defer u.end(userID, s)
		f()
	})
	return true
}

func (u *unknown) end(userID string, s *search) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n--
	if s.n--; s.n == 0 {
		delete(u.users, userID)
		close(s.done)
	}
}

// of is closed when no reservation of a user is looked for any more; nil where
// none is.
func (u *unknown) of(userID string) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s := u.users[userID]; s != nil {
		return s.done
	}
	return nil
}

// close waits for all of them.
func (u *unknown) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.group.Wait()
}

// releaseUnknown asks once more for a reservation whose answer did not come, on
// a context that outlives the caller's, and releases what there is: at once
// where the caller gave up, and after a second where the ledger failed.
func (c *Client) releaseUnknown(ctx context.Context, p ReserveParams, key string) {
	ill := !c.gaveUp(ctx)
	ctx = context.WithoutCancel(ctx)
	started := c.unknown.run(p.UserID, func() {
		recovery.Run(c.logger(), "a reservation was looked for, and is left to expire", func() {
			c.releaseAfter(ctx, p, key, ill)
		})
	})
	if !started {
		c.leftToExpire(errTooMany)
	}
}

// releaseAfter asks until the ledger answers, after a second where it was ill.
func (c *Client) releaseAfter(ctx context.Context, p ReserveParams, key string, ill bool) {
	var err error = errEnded
	if ill && !c.waitOpen(ctx, maxBackoff) {
		c.leftToExpire(err)
		return
	}
	for n := range maxAsks {
		if err = c.releaseOnce(ctx, p, key); !errors.Is(err, ErrUnavailable) {
			return // it is released, or the ledger knows of none
		}
		if !c.waitOpen(ctx, c.pause(n, 0)) {
			break
		}
	}
	c.leftToExpire(err)
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

// waitReleased waits for what the client is about to release of a user's
// credits, as long as one call may take. It returns false where that is nothing
// or takes longer.
func (c *Client) waitReleased(ctx context.Context, userID string) bool {
	done := c.unknown.of(userID)
	if done == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// waitOpen waits before a question. It returns false once the client is closed.
func (c *Client) waitOpen(ctx context.Context, pause time.Duration) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	return c.wait(ctx, pause)
}

func (c *Client) leftToExpire(err error) {
	c.unknown.warn.Do(func() {
		c.logger().Warn("a reservation may have been made that nobody uses, and is left to expire", "url", c.config.URL, "error", err)
	})
}
