package authserver

import (
	"context"
	"sync"
	"time"
)

// every calls f each time that the interval has passed on the clock since the
// call before. end stops that, cancels the context of a call under way and
// waits for it to return.
func every(clock Clock, interval time.Duration, f func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &repeated{clock: clock, interval: interval, call: func() { f(ctx) }}
	r.set()
	return func() {
		cancel()
		r.end()
	}
}

type repeated struct {
	clock    Clock
	interval time.Duration
	call     func()

	lock  sync.Mutex // guards stop and ended
	stop  func() bool
	ended bool
	under sync.WaitGroup // the timer that is set, or the call that it made
}

// set sets the timer of the next call, unless the end has come.
func (r *repeated) set() {
	r.lock.Lock()
	defer r.lock.Unlock()
	if !r.ended {
		r.under.Add(1)
		r.stop = r.clock.AfterFunc(r.interval, r.run)
	}
}

func (r *repeated) run() {
	defer r.under.Done()
	r.call()
	r.set()
}

func (r *repeated) end() {
	r.lock.Lock()
	if !r.ended && r.stop() {
		r.under.Done()
	}
	r.ended = true
	r.lock.Unlock()
	r.under.Wait()
}
