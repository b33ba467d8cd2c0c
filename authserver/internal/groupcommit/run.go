package groupcommit

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/manacore/manacore-go/internal/recovery"
)

// ErrRejected is wrapped by the error of a call that had no effect, for a
// reason that may lie in another call of its batch: the database does not take
// a value, cannot read a row, or gives a row to somebody else first. An error
// that would be the same for every call, such as a database that does not
// answer, does not wrap it. Nor does one that leaves open whether the call had
// its effect.
var ErrRejected = errors.New("groupcommit: rejected by the database")

// ErrPanicked: the work on the batch panicked. Nobody knows whether the call
// had its effect.
var ErrPanicked = errors.New("groupcommit: the batch panicked")

// run runs a batch and answers its calls. Those that were rejected in company
// are run alone, in their order, so that one that the database does not take
// harms no other.
func (g *Group[Q, R]) run(batch []*Call[Q, R]) {
	rejected := g.attempt(context.Background(), batch)
	if len(rejected) == 0 {
		return
	}
	g.config.Logger.Warn("a batch of calls was rejected and is run one by one",
		"calls", len(rejected), "error", rejected[0].Err)
	ctx, cancel := context.WithTimeout(context.Background(), g.config.Apart)
	defer cancel()
	for i, call := range rejected {
		if ctx.Err() != nil { // the call keeps the error of its batch
			close(call.done)
			continue
		}
		g.attempt(ctx, rejected[i:i+1])
	}
}

// attempt runs calls once. It answers all of them but those that it returns,
// which were rejected in company.
func (g *Group[Q, R]) attempt(ctx context.Context, calls []*Call[Q, R]) (rejected []*Call[Q, R]) {
	rejected = g.guarded(ctx, calls)
	open := rejected
	for _, call := range calls {
		if len(open) > 0 && open[0] == call {
			open = open[1:]
		} else {
			close(call.done)
		}
	}
	return rejected
}

// guarded runs calls once, sets what came of each, and returns those that were
// rejected in company, in their order. A panic fails the calls and not the
// process, which has other callers.
func (g *Group[Q, R]) guarded(ctx context.Context, calls []*Call[Q, R]) (rejected []*Call[Q, R]) {
	defer func() {
		if reason := recover(); reason != nil {
			g.config.Logger.Error("a batch of calls panicked and is answered with an error",
				"calls", len(calls), "panic", recovery.Text(reason), "stack", string(debug.Stack()))
			rejected = nil
			fail(calls, ErrPanicked)
		}
	}()
	fail(calls, nil) // what an attempt before this one said no longer counts
	if err := g.config.Run(ctx, calls); err != nil {
		fail(calls, err)
	}
	for _, call := range calls {
		if len(calls) > 1 && errors.Is(call.Err, ErrRejected) {
			rejected = append(rejected, call)
		}
	}
	return rejected
}

// fail sets the error of calls, which have no answer.
func fail[Q, R any](calls []*Call[Q, R], err error) {
	for _, call := range calls {
		var none R
		call.Answer, call.Err = none, err
	}
}
