// Package groupcommit has one transaction do the work of many callers, because
// each transaction costs a flush to the disk however little it writes.
//
// Nobody waits for company: a batch is what came in while the last one was
// written. A caller is answered after the commit and never before.
package groupcommit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Why a call was not run. It had no effect.
var (
	// ErrBusy: as many calls as may wait are waiting. Try again later.
	ErrBusy = errors.New("groupcommit: too many calls wait")
	// ErrClosed: the group was closed.
	ErrClosed = errors.New("groupcommit: closed")
)

// Config is what a Group is made of.
type Config[Q, R any] struct {
	// Run does the work of the calls, in their order and in one transaction,
	// and sets Answer and Err of each. Its own error is that of all of them.
	// A call whose error is ErrRejected is run again, alone, unless it was
	// alone already. ctx ends when no more time is left for calls that are run
	// alone.
	Run func(ctx context.Context, calls []*Call[Q, R]) error
	// Apart is how long the calls of a rejected batch may be run alone, all of
	// them together. Zero: 5 s.
	Apart time.Duration
	// Lanes is how many transactions run at once. Zero: 1.
	Lanes int
	// Queue is how many calls may wait in a lane; the next gets ErrBusy.
	// Zero: 4096.
	Queue int
	// Batch is how many calls a transaction takes at most. Zero: 512.
	Batch int
	// Logger gets a warning for a batch that was rejected, and an error, with
	// the stack, for one that panicked. Nil: slog.Default().
	Logger *slog.Logger
}

// Call is a question and, once it was run, what came of it.
type Call[Q, R any] struct {
	Question Q
	Answer   R
	Err      error

	begun atomic.Bool
	done  chan struct{} // closed: Answer and Err are there
}

// begin is true for one caller: the lane that runs the call, or the one who
// asked for it and left before.
func (c *Call[Q, R]) begin() bool { return c.begun.CompareAndSwap(false, true) }

// Group runs calls in batches. It is safe for concurrent use.
type Group[Q, R any] struct {
	config  Config[Q, R]
	lanes   []chan *Call[Q, R]
	running sync.WaitGroup

	lock   sync.RWMutex // held for reading while a call is queued
	closed bool
}

// New starts a group. End it with Close.
func New[Q, R any](config Config[Q, R]) *Group[Q, R] {
	config.Queue = cmp.Or(config.Queue, 4096)
	config.Batch = cmp.Or(config.Batch, 512)
	config.Apart = cmp.Or(config.Apart, 5*time.Second)
	config.Logger = cmp.Or(config.Logger, slog.Default())
	g := &Group[Q, R]{config: config}
	for range cmp.Or(config.Lanes, 1) {
		lane := make(chan *Call[Q, R], config.Queue)
		g.lanes = append(g.lanes, lane)
		g.running.Go(func() { g.serve(lane) })
	}
	return g
}

// Close lets the calls that wait end, and refuses every other one.
func (g *Group[Q, R]) Close() {
	g.lock.Lock()
	if !g.closed {
		g.closed = true
		for _, lane := range g.lanes {
			close(lane)
		}
	}
	g.lock.Unlock()
	g.running.Wait()
}

// Do runs a call and answers what came of it. Calls of one hash share a lane,
// and are run in the order of their arrival. An error is that of Run or of the
// call, ErrBusy or ErrClosed, or that of ctx if it ended before the call
// began; one that has begun is waited for.
func (g *Group[Q, R]) Do(ctx context.Context, hash uint64, question Q) (answer R, err error) {
	call := &Call[Q, R]{Question: question, done: make(chan struct{})}
	if err := g.enqueue(hash, call); err != nil {
		return answer, err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		if call.begin() { // and so nobody else will
			return answer, ctx.Err()
		}
		<-call.done // under way: the outcome is near, and better known than not
	}
	return call.Answer, call.Err
}

func (g *Group[Q, R]) enqueue(hash uint64, call *Call[Q, R]) error {
	g.lock.RLock()
	defer g.lock.RUnlock()
	if g.closed {
		return ErrClosed
	}
	select {
	case g.lanes[hash%uint64(len(g.lanes))] <- call:
		return nil
	default:
		return ErrBusy
	}
}

// serve runs what comes in on a lane until it is closed and empty.
func (g *Group[Q, R]) serve(lane <-chan *Call[Q, R]) {
	for first := range lane {
		if batch := g.gather(first, lane); len(batch) > 0 {
			g.run(batch)
		}
	}
}

// gather takes what waits, but for those who left.
func (g *Group[Q, R]) gather(first *Call[Q, R], lane <-chan *Call[Q, R]) (batch []*Call[Q, R]) {
	for next, open := first, true; open; {
		if next.begin() {
			batch = append(batch, next)
		}
		if len(batch) == g.config.Batch {
			break
		}
		select {
		case next, open = <-lane:
		default:
			open = false
		}
	}
	return batch
}
