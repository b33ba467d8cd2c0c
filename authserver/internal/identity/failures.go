package identity

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// FailuresInterval is how often failed passwords are written to the security
	// log.
	FailuresInterval = time.Second
	// maxFailures is how many failures wait for that. More than a server can
	// hash in that time come only while the database is away.
	maxFailures = 10_000
	// failuresAtOnce is how many of them one transaction writes.
	failuresAtOnce = 100
)

// failure is a failed password that is not in the security log yet.
type failure struct {
	event  event
	origin Origin
}

// failures are the failed passwords that wait to be written. They are not
// written at once: that would take longer where there is an account, and an
// attacker could tell by it.
type failures struct {
	lock    sync.Mutex
	waiting []failure
	lost    int
	failing bool // whether the last attempt to write them failed
}

// failed logs a wrong password, and has it written where it is about a user.
func (s *Service) failed(ctx context.Context, a attempt, user string) {
	s.config.Log.InfoContext(ctx, "wrong password", "event", a.kind, "user", user, "ip", a.origin.Addr.String())
	if user == "" {
		return
	}
	s.failures.lock.Lock()
	defer s.failures.lock.Unlock()
	if len(s.failures.waiting) >= maxFailures { // a piece that was given back may be over it
		s.failures.lost++
		return
	}
	s.failures.waiting = append(s.failures.waiting, failure{event: event{kind: a.kind, user: user}, origin: a.origin})
}

// RecordFailures writes the failed passwords since the last call to the security
// log, in pieces.
func (s *Service) RecordFailures(ctx context.Context) error {
	for {
		piece, lost := s.failures.take()
		if lost > 0 {
			s.config.Log.ErrorContext(ctx, "failed passwords are missing in the security log", "missing", lost)
		}
		if len(piece) == 0 {
			return nil
		}
		if err := s.recordFailures(ctx, piece); err != nil {
			if s.failures.giveBack(piece) && ctx.Err() == nil {
				s.config.Log.ErrorContext(ctx, "failed passwords cannot be written to the security log", "error", err)
			}
			return fmt.Errorf("security log: %w", err)
		}
		s.failures.written()
	}
}

func (s *Service) recordFailures(ctx context.Context, piece []failure) error {
	return s.change(ctx, Origin{}, func(c *change) error {
		for _, f := range piece {
			if _, err := c.ShareUser(f.event.user); isNotFound(err) {
				continue // erased meanwhile
			} else if err != nil {
				return err
			}
			c.origin = f.origin
			if err := c.record(f.event); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *failures) take() (piece []failure, lost int) {
	f.lock.Lock()
	defer f.lock.Unlock()
	n := min(len(f.waiting), failuresAtOnce)
	piece, lost = f.waiting[:n:n], f.lost
	f.waiting, f.lost = f.waiting[n:], 0
	return piece, lost
}

// giveBack has a piece written later, and reports whether this is the first time
// that it could not be written.
func (f *failures) giveBack(piece []failure) (first bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.waiting = append(piece, f.waiting...)
	first, f.failing = !f.failing, true
	return first
}

func (f *failures) written() {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.failing = false
}
