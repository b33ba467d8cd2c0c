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
	"fmt"
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

// ErrUnderWay is wrapped by the error of a caller who left while the call was
// run. It may have its effect.
var ErrUnderWay = errors.New("groupcommit: its caller left while the call was under way")

// Config is what a Group is made of.
type Config[Q, R any] struct {
	// Run does the work of the calls, in their order and in one transaction,
	// and sets Answer and Err of each. Its own error is that of all of them.
	// A call whose error is ErrHeld is run again later, and one whose error is
	// another ErrRejected is run again at once, alone, unless it was alone
	// already. ctx ends when no more time is left for calls that are run alone.
	Run func(ctx context.Context, calls []*Call[Q, R]) error
	// Abandoned gets what came of a call whose caller left while it was under
	// way, where it has no error. Close waits for it. Nil: nobody has to know.
	Abandoned func(question Q, answer R)
	// Apart is how long the calls of a rejected batch may be run alone, all of
	// them together. Zero: 5 s.
	Apart time.Duration
	// Patience is how long a call is run again whose error is ErrHeld, counted
	// from the first time. Zero: 4 s.
	Patience time.Duration
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

	hash  uint64
	until time.Time // when it is given up; zero where it was never set aside
	state atomic.Uint32
	done  chan struct{} // closed: Answer and Err are there
}

// The states of a call. The lane moves it from waiting to begun, back to waiting
// where it is set aside, and to ended. Its caller moves it from waiting to left,
// and from begun to abandoned.
const (
	waiting uint32 = iota
	begun
	ended
	left      // it is not run
	abandoned // it is under way, and nobody waits for it
)

// end hands the outcome to whoever waits for it. It is false where nobody does.
func (c *Call[Q, R]) end() bool {
	if !c.state.CompareAndSwap(begun, ended) {
		return false
	}
	close(c.done)
	return true
}

// leave is called where the caller leaves. It is false where the call has ended.
func (c *Call[Q, R]) leave() (underWay, ok bool) {
	for {
		switch c.state.Load() {
		case waiting:
			if c.state.CompareAndSwap(waiting, left) {
				return false, true
			}
		case begun:
			if c.state.CompareAndSwap(begun, abandoned) {
				return true, true
			}
		default:
			return false, false
		}
	}
}

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
	config.Patience = cmp.Or(config.Patience, 4*time.Second)
	config.Logger = cmp.Or(config.Logger, slog.Default())
	g := &Group[Q, R]{config: config}
	for range cmp.Or(config.Lanes, 1) {
		queue := make(chan *Call[Q, R], config.Queue)
		g.lanes = append(g.lanes, queue)
		g.running.Go(newLane(g, queue).serve)
	}
	return g
}

// Close lets the calls that wait end, and refuses every other one. Those that are
// set aside get the error of their last attempt.
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
// call, ErrBusy or ErrClosed. Where ctx ends first it is that of ctx, and wraps
// ErrUnderWay where the call had begun: what became of it is not known then.
func (g *Group[Q, R]) Do(ctx context.Context, hash uint64, question Q) (answer R, err error) {
	call := &Call[Q, R]{Question: question, hash: hash, done: make(chan struct{})}
	if err := g.enqueue(call); err != nil {
		return answer, err
	}
	select {
	case <-call.done:
	case <-ctx.Done():
		switch underWay, ok := call.leave(); {
		case underWay:
			return answer, fmt.Errorf("%w: %w", ErrUnderWay, ctx.Err())
		case ok:
			return answer, ctx.Err()
		}
		<-call.done
	}
	return call.Answer, call.Err
}

func (g *Group[Q, R]) enqueue(call *Call[Q, R]) error {
	g.lock.RLock()
	defer g.lock.RUnlock()
	if g.closed {
		return ErrClosed
	}
	select {
	case g.lanes[call.hash%uint64(len(g.lanes))] <- call:
		return nil
	default:
		return ErrBusy
	}
}
