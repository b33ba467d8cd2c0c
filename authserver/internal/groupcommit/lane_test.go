package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rows is a database in which another transaction holds the rows of some
// hashes. A question is a hash and a number.
type rows struct {
	lock sync.Mutex
	held map[int]bool
	runs [][]int
}

const hashOf = 100 // a question divided by it

func (r *rows) hold(hash int, held bool) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.held[hash] = held
}

// ran are the questions of each run.
func (r *rows) ran() [][]int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.runs)
}

func (r *rows) run(_ context.Context, calls []*Call[int, int]) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.runs = append(r.runs, questions(calls))
	for _, c := range calls {
		if r.held[c.Question/hashOf] {
			c.Err = fmt.Errorf("%w: of somebody", ErrHeld)
		} else {
			c.Answer = c.Question
		}
	}
	return nil
}

// sent starts a call and waits until its lane has done with it what it can.
func sent(ctx context.Context, g *Group[int, int], question int) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := g.Do(ctx, uint64(question/hashOf), question)
		done <- outcome{answer, err}
	}()
	synctest.Wait()
	return done
}

// TestO15HeldRow: a call whose row another transaction holds keeps no other
// waiting, be it of the same batch or later. What comes later for the same row
// is run behind it, once the row is free.
func TestO15HeldRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &rows{held: map[int]bool{1: true}}
		g := New(Config[int, int]{Run: db.run, Logger: slog.New(slog.DiscardHandler)})
		defer g.Close()
		begun := time.Now()
		first := sent(t.Context(), g, 100)
		for i := range 50 {
			want(t, sent(t.Context(), g, 200+i), 200+i, nil)
		}
		second := sent(t.Context(), g, 101)
		if took := time.Since(begun); took != 0 {
			t.Errorf("the others waited for %v", took)
		}
		time.Sleep(3 * time.Second)
		if n := len(db.ran()) - 51; n < 10 || n > 60 {
			t.Errorf("tried %d times more in 3 s", n)
		}
		db.hold(1, false)
		want(t, first, 100, nil)
		want(t, second, 101, nil)
		if took := time.Since(begun); took > 3*time.Second+longestPause {
			t.Errorf("noticed after %v that the row was free", took-3*time.Second)
		}
		if last := db.ran()[len(db.ran())-1]; !slices.Equal(last, []int{100, 101}) {
			t.Errorf("ran %v at last", last)
		}
		runs := len(db.ran())
		time.Sleep(time.Second)
		want(t, sent(t.Context(), g, 102), 102, nil)
		if len(db.ran()) != runs+1 {
			t.Errorf("ran %v after that", db.ran()[runs:])
		}
	})
}

// TestHeldForLong: a call is given up after its own Patience, with the error of
// its last run, and Close waits for none.
func TestHeldForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &rows{held: map[int]bool{1: true}}
		g := New(Config[int, int]{Run: db.run, Patience: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
		begun := time.Now()
		first := sent(t.Context(), g, 100)
		time.Sleep(1500 * time.Millisecond)
		second := sent(t.Context(), g, 101)
		if o := <-first; !errors.Is(o.err, ErrHeld) || !errors.Is(o.err, ErrRejected) || o.err.Error() != ErrHeld.Error()+": of somebody" {
			t.Errorf("%+v", o)
		}
		if took := time.Since(begun); took < 2*time.Second || took > 2*time.Second+longestPause {
			t.Errorf("given up after %v", took)
		}
		g.Close()
		want(t, second, 0, ErrHeld)
		if took := time.Since(begun); took > 2*time.Second+longestPause {
			t.Errorf("closed after %v", took)
		}
	})
}

// TestHeldAndLeft: who leaves while the call is set aside comes back at once, and
// the call is not run again.
func TestHeldAndLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &rows{held: map[int]bool{1: true}}
		g := New(Config[int, int]{Run: db.run, Logger: slog.New(slog.DiscardHandler)})
		defer g.Close()
		ctx, leave := context.WithCancel(t.Context())
		first, second := sent(ctx, g, 100), sent(t.Context(), g, 101)
		begun := time.Now()
		leave()
		want(t, first, 0, context.Canceled)
		if took := time.Since(begun); took != 0 {
			t.Errorf("back after %v", took)
		}
		runs := len(db.ran())
		db.hold(1, false)
		want(t, second, 101, nil)
		if later := db.ran()[runs:]; len(later) != 1 || !slices.Equal(later[0], []int{101}) {
			t.Errorf("ran %v", later)
		}
	})
}

// TestHeldAreBounded: no more calls are set aside than may wait in the queue.
func TestHeldAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &rows{held: map[int]bool{1: true, 3: true}}
		g := New(Config[int, int]{Run: db.run, Queue: 2, Logger: slog.New(slog.DiscardHandler)})
		defer g.Close()
		first, second := sent(t.Context(), g, 100), sent(t.Context(), g, 101)
		want(t, sent(t.Context(), g, 102), 0, ErrBusy)
		want(t, sent(t.Context(), g, 300), 0, ErrHeld)
		want(t, sent(t.Context(), g, 200), 200, nil)
		db.hold(1, false)
		want(t, first, 100, nil)
		want(t, second, 101, nil)
		want(t, sent(t.Context(), g, 103), 103, nil)
	})
}

// TestHeldInARejectedBatch: what comes behind a call that is set aside stays
// behind it, also where the batch is run one by one.
func TestHeldInARejectedBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs [][]int
		held := true
		config := Config[int, int]{Logger: slog.New(slog.DiscardHandler), Run: func(_ context.Context, calls []*Call[int, int]) error {
			runs = append(runs, questions(calls))
			switch {
			case len(calls) == 3:
				return errRejected
			case held:
				held = false
				return ErrHeld
			}
			return nil
		}}
		inOneBatch(t, 3, config)
		if want := [][]int{{1, 2, 3}, {1}, {1, 2, 3}, {1}, {2}, {3}}; !slices.EqualFunc(runs, want, slices.Equal) {
			t.Errorf("ran %v, want %v", runs, want)
		}
	})
}

// O19: who leaves while the call is under way comes back at once, and what came
// of it goes to Abandoned, for which Close waits.
func TestO19LeftUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hangs = 5 * time.Second
		var came []int
		g := New(Config[int, int]{
			Logger: slog.New(slog.DiscardHandler),
			Run: func(_ context.Context, calls []*Call[int, int]) error {
				time.Sleep(hangs)
				for _, c := range calls {
					if c.Answer = c.Question; c.Question == 101 {
						c.Err = errRejected
					}
				}
				return nil
			},
			Abandoned: func(question, answer int) {
				time.Sleep(time.Second)
				came = append(came, question, answer)
				panicHere()
			},
		})
		for _, question := range []int{100, 101} {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			o := <-sent(ctx, g, question)
			cancel()
			if took := time.Since(begun); took != 50*time.Millisecond || !errors.Is(o.err, ErrUnderWay) || !errors.Is(o.err, context.DeadlineExceeded) {
				t.Errorf("%+v after %v", o, took)
			}
			time.Sleep(hangs)
		}
		last, cancel := context.WithCancel(t.Context())
		left := sent(last, g, 102)
		cancel()
		want(t, left, 0, ErrUnderWay)
		g.Close()
		if !slices.Equal(came, []int{100, 100, 102, 102}) {
			t.Errorf("came of them: %v", came)
		}
	})
}
