package groupcommit

import (
	"context"
	"errors"
	"fmt"
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

// ErrHeld is the ErrRejected of a call that needs a row that another transaction
// holds. The call is set aside, so that no other waits for the row, and run again
// until the row is free or Patience is over. Calls of its hash that come later
// wait behind it.
var ErrHeld = fmt.Errorf("%w: another transaction holds a row that it needs", ErrRejected)

// ErrPanicked: the work on the batch panicked. Nobody knows whether the call
// had its effect.
var ErrPanicked = errors.New("groupcommit: the batch panicked")

// run runs a batch and answers its calls. Those that found a row held are set
// aside. Those that were rejected in company are run alone, in their order, so
// that one that the database does not take harms no other.
func (l *lane[Q, R]) run(batch []*Call[Q, R]) {
	defer l.settle()
	rejected := l.attempt(context.Background(), batch)
	if len(rejected) == 0 {
		return
	}
	l.config.Logger.Warn("a batch of calls was rejected and is run one by one",
		"calls", len(rejected), "error", rejected[0].Err)
	ctx, cancel := context.WithTimeout(context.Background(), l.config.Apart)
	defer cancel()
	for i, call := range rejected {
		switch {
		case l.behind(call):
			l.hold(call)
		case ctx.Err() != nil: // the call keeps the error of its batch
			l.answer(call)
		default:
			l.attempt(ctx, rejected[i:i+1])
		}
	}
}

// attempt runs calls once, sets aside those that found a row held, and answers
// all others but those that it returns, which were rejected in company.
func (l *lane[Q, R]) attempt(ctx context.Context, calls []*Call[Q, R]) (rejected []*Call[Q, R]) {
	for i, fate := range l.guarded(ctx, calls) {
		switch fate {
		case held:
			l.hold(calls[i])
		case refused:
			rejected = append(rejected, calls[i])
		default:
			l.answer(calls[i])
		}
	}
	return rejected
}

// fate is what becomes of a call that was run.
type fate uint8

const (
	settled fate = iota // it has its outcome
	refused             // it was rejected in company
	held                // it found a row held
)

// guarded runs calls once, sets what came of each, and returns what becomes of
// them. A panic fails the calls and not the process, which has other callers.
func (l *lane[Q, R]) guarded(ctx context.Context, calls []*Call[Q, R]) (fates []fate) {
	defer func() {
		if reason := recover(); reason != nil {
			l.config.Logger.Error("a batch of calls panicked and is answered with an error",
				"calls", len(calls), "panic", recovery.Text(reason), "stack", string(debug.Stack()))
			fates = make([]fate, len(calls))
			fail(calls, ErrPanicked)
		}
	}()
	fail(calls, nil) // what an attempt before this one said no longer counts
	if err := l.config.Run(ctx, calls); err != nil {
		fail(calls, err)
	}
	fates = make([]fate, len(calls))
	for i, call := range calls {
		switch {
		case errors.Is(call.Err, ErrHeld):
			fates[i] = held
		case len(calls) > 1 && errors.Is(call.Err, ErrRejected):
			fates[i] = refused
		}
	}
	return fates
}

// answer hands a call to its caller or, where the caller left while it was under
// way, to Abandoned.
func (l *lane[Q, R]) answer(call *Call[Q, R]) {
	if call.end() || call.Err != nil || l.config.Abandoned == nil {
		return
	}
	l.running.Go(func() {
		defer func() {
			if reason := recover(); reason != nil {
				l.config.Logger.Error("work on a call that was abandoned panicked",
					"panic", recovery.Text(reason), "stack", string(debug.Stack()))
			}
		}()
		l.config.Abandoned(call.Question, call.Answer)
	})
}

// fail sets the error of calls, which have no answer.
func fail[Q, R any](calls []*Call[Q, R], err error) {
	for _, call := range calls {
		var none R
		call.Answer, call.Err = none, err
	}
}
