package background

import (
	"cmp"
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/manacore/manacore-go/internal/recovery"

	"github.com/manacore/manacore-go/authserver/internal/clock"
)

// RememberedConfig configures a Remembered. The times are above zero.
type RememberedConfig struct {
	// Clock says how old an answer is. Nil means the system's clock.
	Clock clock.Clock
	// Fresh is how long an answer is used, counted from the moment of the
	// question.
	Fresh time.Duration
	// Retry is how long a failure is used, counted from its own moment, before
	// the question is asked again.
	Retry time.Duration
	// Timeout bounds one question, in the system's time.
	Timeout time.Duration
	// Logger gets an error for each panic. Nil means slog.Default().
	Logger *slog.Logger
}

// Remembered asks a question and caches the answer for a while. However many
// callers there are, one question is under way at a time. It is safe for
// concurrent use.
type Remembered[T any] struct {
	config RememberedConfig
	ask    func(context.Context) (T, error)

	lock sync.Mutex
	last *question[T] // under way or answered; nil until the first is asked
}

// question is a question that was asked. Its answer is complete when done is
// closed.
type question[T any] struct {
	done   chan struct{}
	answer T
	err    error
	from   time.Time // when the answer, or the failure, begins to be used
}

// NewRemembered makes a Remembered that has asked nothing yet. ask has to
// return when its context ends.
func NewRemembered[T any](config RememberedConfig, ask func(context.Context) (T, error)) *Remembered[T] {
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	config.Logger = cmp.Or(config.Logger, slog.Default())
	return &Remembered[T]{config: config, ask: ask}
}

// Get returns the cached answer. Where there is none, it waits for the question
// that is under way, or asks it. The answer is at most Fresh and Timeout old.
// The error is that of the question, which is context.DeadlineExceeded where
// the question took longer than Timeout. Where ctx ends first, the error is
// that of ctx, and the question goes on, because others may wait for it.
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

// current returns the question whose answer is used now, and asks it where
// there is none.
func (r *Remembered[T]) current() *question[T] {
	r.lock.Lock()
	defer r.lock.Unlock()
	now := r.config.Clock.Now()
	if r.last == nil || !r.serves(r.last, now) {
		r.last = &question[T]{done: make(chan struct{})}
		go r.run(r.last, now)
	}
	return r.last
}

// serves reports whether a question is under way or was answered recently
// enough. A clock that was set back makes every answer too old.
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

// run asks a question on a context of its own, so that a caller that leaves
// fails only itself.
func (r *Remembered[T]) run(q *question[T], now time.Time) {
	defer close(q.done)
	ctx, cancel := context.WithTimeout(context.Background(), r.config.Timeout)
	defer cancel()
	q.answer, q.err = r.protected(ctx)
	q.from = now
	if q.err != nil {
		q.from = r.config.Clock.Now()
	}
}

// protected calls ask and turns a panic into an error. An answer that comes
// with an error is dropped.
func (r *Remembered[T]) protected(ctx context.Context) (answer T, err error) {
	defer func() {
		var none T
		if reason := recover(); reason != nil {
			err = &panicError{reason: recovery.Text(reason)}
			r.config.Logger.Error("background work panicked", "panic", recovery.Text(reason), "stack", string(debug.Stack()))
		}
		if err != nil {
			answer = none
		}
	}()
	return r.ask(ctx)
}
