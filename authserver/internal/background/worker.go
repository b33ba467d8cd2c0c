package background

import (
	"context"
	"sync"
	"time"
)

// Worker reports what a worker did last.
type Worker struct {
	Name string
	// LastRun is when the last completed run began. Zero means that no run has
	// completed.
	LastRun time.Time
	// Took is how long that run took.
	Took time.Duration
	// Err is the error of that run, or nil.
	Err error
}

// worker runs f at an interval. One timer is set at a time, and none while f
// runs.
type worker struct {
	group    *Group
	interval time.Duration
	f        func(context.Context) error
	pending  sync.WaitGroup // the timer that is set, or the run that it began

	lock  sync.Mutex // guards what follows
	stop  func() bool
	ended bool
	last  Worker
}

// schedule sets the timer of the next run, unless the worker has ended.
func (w *worker) schedule() {
	w.lock.Lock()
	defer w.lock.Unlock()
	if !w.ended {
		w.pending.Add(1)
		w.stop = w.group.config.Clock.AfterFunc(w.interval, w.run)
	}
}

func (w *worker) run() {
	defer w.pending.Done()
	began := w.group.config.Clock.Now()
	err := w.group.protect(w.last.Name, func() error { return w.f(w.group.ctx) })
	took := w.group.config.Clock.Now().Sub(began)
	w.lock.Lock()
	w.last.LastRun, w.last.Took, w.last.Err = began, took, err
	w.lock.Unlock()
	w.schedule()
}

// end stops the worker and waits for a run under way.
func (w *worker) end() {
	w.lock.Lock()
	if !w.ended && w.stop() {
		w.pending.Done()
	}
	w.ended = true
	w.lock.Unlock()
	w.pending.Wait()
}

func (w *worker) report() Worker {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.last
}
