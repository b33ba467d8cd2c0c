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

	"github.com/manacore/manacore-go/internal/recovery"

	"github.com/manacore/manacore-go/authserver/internal/clock"
)

// Config configures a Group.
type Config struct {
	// Clock says when a worker runs. Nil means the system's clock.
	Clock clock.Clock
	// Logger gets an error for each panic. Nil means slog.Default().
	Logger *slog.Logger
}

// Group runs workers until it is closed. It is safe for concurrent use.
type Group struct {
	config Config
	ctx    context.Context // the context of every run
	cancel context.CancelFunc

	lock    sync.Mutex
	closed  bool
	workers []*worker
	closers []closer

	closing sync.Once
	err     error // what Close returned
}

// closer is a function that Close calls.
type closer struct {
	name string
	f    func() error
}

// New makes a group without workers. End it with Close.
func New(config Config) *Group {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	config.Logger = cmp.Or(config.Logger, slog.Default())
	ctx, cancel := context.WithCancel(context.Background())
	return &Group{config: config, ctx: ctx, cancel: cancel}
}

// Every runs f at an interval, which is above zero, until the group is closed.
// The interval counts from the end of the run before, and the first run comes
// after one interval. Close cancels the context of a run. The group keeps the
// error of the last run and does not log it, because f knows which errors
// belong in the log. After Close, Every does nothing.
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

// OnClose makes Close call f after the workers have ended. The function that
// was added last is called first. After Close, OnClose does nothing.
func (g *Group) OnClose(name string, f func() error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if !g.closed {
		g.closers = append(g.closers, closer{name: name, f: f})
	}
}

// Close ends the workers, waits for the runs under way, and then calls the
// functions of OnClose. Its error joins the errors of those functions, each
// with its name. A second call waits for the first and returns the same error.
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

// Workers reports on each worker, in the order in which they were added.
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

// protect calls f and turns a panic into an error.
func (g *Group) protect(name string, f func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &panicError{reason: recovery.Text(reason)}
			g.config.Logger.Error("background work panicked", "name", name, "panic", recovery.Text(reason), "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// panicError is the error that a panic becomes.
type panicError struct{ reason string }

func (e *panicError) Error() string { return "panic: " + e.reason }
