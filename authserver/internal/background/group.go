package background

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
)

// Config is what a Group is made of.
type Config struct {
	// Clock says when a worker runs. Nil: the system's.
	Clock clock.Clock
	// Logger gets an error for a panic. Nil: slog.Default().
	Logger *slog.Logger
}

// Group runs workers until it is closed. It is safe for concurrent use.
type Group struct {
	config Config
	ctx    context.Context // of every run
	cancel context.CancelFunc

	lock    sync.Mutex
	closed  bool
	workers []*worker
	closers []closer

	closing sync.Once
	err     error // of Close
}

// closer is something that is to be done at the end.
type closer struct {
	name string
	f    func() error
}

// New makes a group without a worker. End it with Close.
func New(config Config) *Group {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	config.Logger = cmp.Or(config.Logger, slog.Default())
	ctx, cancel := context.WithCancel(context.Background())
	return &Group{config: config, ctx: ctx, cancel: cancel}
}

// Every runs f again and again, each time when the interval, which is above
// zero, has passed since the end of the run before. The first run comes after
// one interval. Close cancels the context of a run. The group keeps the error of
// the last run and logs none: f knows which are worth a line. After Close it does nothing.
func (g *Group) Every(name string, interval time.Duration, f func(context.Context) error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.closed {
		return
	}
	w := &worker{group: g, interval: interval, f: f, last: Worker{Name: name}}
	g.workers = append(g.workers, w)
	w.schedule()
}

// OnClose has Close call f after the workers have ended: the function that was
// added last is called first. After Close it does nothing.
func (g *Group) OnClose(name string, f func() error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if !g.closed {
		g.closers = append(g.closers, closer{name: name, f: f})
	}
}

// Close ends the workers, waits for the runs under way, and then calls the
// functions of OnClose. Its error is that of those functions, each with its
// name. A second call waits for the first and returns the same.
func (g *Group) Close() error {
	g.closing.Do(func() {
		g.cancel()
		g.lock.Lock()
		g.closed = true
		workers, closers := g.workers, g.closers
		g.lock.Unlock()
		for _, w := range workers {
			w.end()
		}
		var errs []error
		for _, c := range slices.Backward(closers) {
			if err := g.protect(c.name, c.f); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
			}
		}
		g.err = errors.Join(errs...)
	})
	return g.err
}

// Workers tells of each worker, in the order in which they were added.
func (g *Group) Workers() []Worker {
	g.lock.Lock()
	workers := slices.Clone(g.workers)
	g.lock.Unlock()
	list := make([]Worker, len(workers))
	for i, w := range workers {
		list[i] = w.report()
	}
	return list
}

// protect is f, with a panic as its error.
func (g *Group) protect(name string, f func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &panicError{reason: fmt.Sprint(reason)}
			g.config.Logger.Error("background work panicked", "name", name, "panic", reason, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// panicError is the error of what panicked.
type panicError struct{ reason string }

func (e *panicError) Error() string { return "panic: " + e.reason }
