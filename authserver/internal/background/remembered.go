package background

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
)

// RememberedConfig is what a Remembered is made of. The times are above zero.
type RememberedConfig struct {
	// Clock says how old an answer is. Nil: the system's.
	Clock clock.Clock
	// Fresh is how long an answer serves, from the moment of the question.
	Fresh time.Duration
	// Retry is how long a failure serves, from its moment, before the question
	// is put again.
	Retry time.Duration
	// Timeout bounds one question, in the system's time.
	Timeout time.Duration
	// Logger gets an error for a panic. Nil: slog.Default().
	Logger *slog.Logger
}

// Remembered asks a question and remembers the answer for a while. However many
// want to know, and however often, one question is under way at a time. It is
// safe for concurrent use.
type Remembered[T any] struct {
	config RememberedConfig
	ask    func(context.Context) (T, error)

	lock sync.Mutex
	last *question[T] // under way or answered; nil: none was asked
}

// question is one that was put. The answer is there when done is closed.
type question[T any] struct {
	done   chan struct{}
	answer T
	err    error
	from   time.Time // since when the answer, or the failure, serves
}

// NewRemembered asks nothing yet. ask has to return when its context ends.
func NewRemembered[T any](config RememberedConfig, ask func(context.Context) (T, error)) *Remembered[T] {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	config.Logger = cmp.Or(config.Logger, slog.Default())
	return &Remembered[T]{config: config, ask: ask}
}

// Get answers what is remembered, or waits for the question that is under way,
// or puts it. The answer is as it was at most Fresh and Timeout ago. An error is
// that of the question, context.DeadlineExceeded among them where it took longer
// than Timeout, or that of ctx if it ended before there was an answer: the
// question goes on, because others may wait for it.
func (r *Remembered[T]) Get(ctx context.Context) (T, error) {
	q := r.current()
	select {
	case <-q.done:
		return q.answer, q.err
	default:
	}
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// current is the question whose answer serves now.
func (r *Remembered[T]) current() *question[T] {
	r.lock.Lock()
	defer r.lock.Unlock()
	now := r.config.Clock.Now()
	if r.last == nil || !r.serves(r.last, now) {
		r.last = &question[T]{done: make(chan struct{})}
		go r.put(r.last, now)
	}
	return r.last
}

// serves says whether a question is under way, or was answered lately enough. A
// clock that was set back makes every answer too old.
func (r *Remembered[T]) serves(q *question[T], now time.Time) bool {
	select {
	case <-q.done:
	default:
		return true
	}
	keep := r.config.Fresh
	if q.err != nil {
		keep = r.config.Retry
	}
	age := now.Sub(q.from)
	return age >= 0 && age < keep
}

// put puts a question, on a context of its own: a caller that leaves fails only
// itself.
func (r *Remembered[T]) put(q *question[T], now time.Time) {
	defer close(q.done)
	ctx, cancel := context.WithTimeout(context.Background(), r.config.Timeout)
	defer cancel()
	q.answer, q.err = r.protected(ctx)
	q.from = now
	if q.err != nil {
		q.from = r.config.Clock.Now()
	}
}

// protected is ask, with a panic as its error. An answer that came with an
// error is none.
func (r *Remembered[T]) protected(ctx context.Context) (answer T, err error) {
	defer func() {
		var none T
		if reason := recover(); reason != nil {
			err = &panicError{reason: fmt.Sprint(reason)}
			r.config.Logger.Error("background work panicked", "panic", reason, "stack", string(debug.Stack()))
		}
		if err != nil {
			answer = none
		}
	}()
	return r.ask(ctx)
}
