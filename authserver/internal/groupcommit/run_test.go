package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inOneBatch runs the questions 1 to n in one batch, with a group of config, and
// returns what came of each. It has to be called in a bubble of synctest.
func inOneBatch(t *testing.T, n int, config Config[int, int]) []outcome {
	t.Helper()
	run, held := config.Run, make(chan struct{})
	config.Run = func(ctx context.Context, calls []*Call[int, int]) error {
		if calls[0].Question == 0 {
			<-held
			return nil
		}
		return run(ctx, calls)
	}
	g := New(config)
	defer g.Close()
	outcomes := make([]outcome, n)
	var all sync.WaitGroup
	for i := range n + 1 {
		all.Go(func() {
			answer, err := g.Do(t.Context(), 0, i)
			if i > 0 {
				outcomes[i-1] = outcome{answer, err}
			}
		})
		synctest.Wait() // the call is queued, or begun
	}
	close(held)
	all.Wait()
	return outcomes
}

func questions(calls []*Call[int, int]) (list []int) {
	for _, c := range calls {
		list = append(list, c.Question)
	}
	return list
}

// TestRejectedCalls: of a batch of which some calls were done, those alone are
// run again that were rejected. The log has one warning for it.
func TestRejectedCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			log  strings.Builder
			runs [][]int
		)
		refused := errors.New("refused")
		outcomes := inOneBatch(t, 5, Config[int, int]{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Run: func(_ context.Context, calls []*Call[int, int]) error {
				runs = append(runs, questions(calls))
				for _, c := range calls {
					switch {
					case c.Question == 2:
						c.Err = refused
					case c.Question == 5, c.Question > 2 && len(calls) > 1:
						c.Err = fmt.Errorf("%w: a value", ErrRejected)
					default:
						c.Answer = 10 * c.Question
					}
				}
				return nil
			},
		})
		if want := [][]int{{1, 2, 3, 4, 5}, {3}, {4}, {5}}; !slices.EqualFunc(runs, want, slices.Equal) {
			t.Errorf("ran %v, want %v", runs, want)
		}
		for i, want := range []outcome{{10, nil}, {0, refused}, {30, nil}, {40, nil}, {0, ErrRejected}} {
			if got := outcomes[i]; got.answer != want.answer || !errors.Is(got.err, want.err) {
				t.Errorf("call %d: %+v, want %+v", i+1, got, want)
			}
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "one by one") ||
			!strings.Contains(text, "calls=3") || !strings.Contains(text, "a value") {
			t.Errorf("the log:\n%s", text)
		}
	})
}

// TestRejectedForLong: calls that are run alone share one limit of time. Those
// for which none is left are not run, and are told that they had no effect.
func TestRejectedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const apart, each = 5 * time.Second, 2 * time.Second
		begun := time.Now()
		runs := 0
		outcomes := inOneBatch(t, 100, Config[int, int]{
			Apart:  apart,
			Logger: slog.New(slog.DiscardHandler),
			Run: func(ctx context.Context, calls []*Call[int, int]) error {
				runs++
				if len(calls) > 1 {
					calls[0].Answer = 7 // what was set before counts for nothing
					return fmt.Errorf("%w: held", ErrRejected)
				}
				select {
				case <-time.After(each):
					calls[0].Answer = calls[0].Question
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
		if took := time.Since(begun); took != apart || runs != 4 {
			t.Errorf("%d runs in %v, want 4 in %v", runs, took, apart)
		}
		for i, got := range outcomes {
			want := outcome{err: ErrRejected}
			switch i {
			case 0, 1:
				want = outcome{answer: i + 1}
			case 2: // it was under way
				want.err = context.DeadlineExceeded
			}
			if got.answer != want.answer || !errors.Is(got.err, want.err) {
				t.Errorf("call %d: %+v, want %+v", i+1, got, want)
			}
		}
	})
}

// TestTimedOut: a batch that took too long is not run call by call, which would
// take as long for each.
func TestTimedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		outcomes := inOneBatch(t, 3, Config[int, int]{Run: func(context.Context, []*Call[int, int]) error {
			runs++
			return context.DeadlineExceeded
		}})
		for i, got := range outcomes {
			if !errors.Is(got.err, context.DeadlineExceeded) {
				t.Errorf("call %d: %+v", i+1, got)
			}
		}
		if runs != 1 {
			t.Errorf("%d runs, want 1", runs)
		}
	})
}
