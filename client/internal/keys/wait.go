package keys

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
)

const (
	// burst is how many looks for kids that nobody publishes follow each other
	// without a pause.
	burst = 3
	// maxWaiting callers wait for the next look, each for maxWait at most. A
	// stranger who makes up kids can take all of the places, so there must be a
	// bound.
	maxWaiting = 256
	maxWait    = 5 * time.Second
)

// plan returns the look that starts as soon as the pace allows it, and takes a
// place for the caller to wait for it. The caller holds mu.
func (s *Source) plan(ctx context.Context, kid string, now time.Time) (*fetch, error) {
	select {
	case s.places <- struct{}{}:
	default:
		return nil, fault.ErrKeyPending
	}
	if s.planned == nil {
		s.planned = &fetch{kid: kid, done: make(chan struct{})}
		s.stopPlan = s.cfg.Clock.AfterFunc(s.pace.delay(now), func() { s.startPlanned(ctx) })
	}
	return s.planned, nil
}

// startPlanned is the timer's.
func (s *Source) startPlanned(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.planned != nil {
		s.start(ctx, "", s.pace.take(s.cfg.Clock.Now()))
	}
}

// await waits for a planned look and gives the place back that plan took.
func (s *Source) await(ctx context.Context, f *fetch) error {
	defer func() { <-s.places }()
	late := make(chan struct{})
	defer s.cfg.Clock.AfterFunc(maxWait, func() { close(late) })()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return errClosed
	case <-late:
	case <-time.After(maxWait): // a Clock that stands still must not hold a request
	}
	return fault.ErrKeyPending
}

// pace lets burst looks through at once, and then one an interval.
type pace struct {
	interval time.Duration
	full     time.Time // when the whole burst is there again
}

// take tells whether a look may start now, and counts it if so.
func (p *pace) take(now time.Time) bool {
	if p.delay(now) > 0 {
		return false
	}
	p.full = now.Add(p.missing(now) + p.interval)
	return true
}

// delay is how long it is from now to the next look; not above zero: none.
func (p *pace) delay(now time.Time) time.Duration {
	return p.missing(now) - (burst-1)*p.interval
}

// missing is how long it takes until the whole burst is there again. A clock that
// was set back does not make it longer.
func (p *pace) missing(now time.Time) time.Duration {
	if empty := now.Add(burst * p.interval); p.full.After(empty) {
		p.full = empty
	}
	return max(p.full.Sub(now), 0)
}

// giveBack uncounts a look.
func (p *pace) giveBack() { p.full = p.full.Add(-p.interval) }
