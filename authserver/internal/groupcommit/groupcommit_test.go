package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

var errRejected = fmt.Errorf("%w: one of them can't be taken", ErrRejected)

// gate holds every batch until it is let through, and then answers each call
// with its question.
type gate struct {
	*Group[int, int]
	sizes chan int   // of the batches that arrive
	pass  chan error // what becomes of each; nil: it is done
}

func gated(t *testing.T, config Config[int, int]) *gate {
	g := &gate{sizes: make(chan int), pass: make(chan error)}
	config.Run = func(_ context.Context, calls []*Call[int, int]) error {
		g.sizes <- len(calls)
		err := <-g.pass
		if err == nil {
			for _, c := range calls {
				c.Answer = c.Question
			}
		}
		return err
	}
	config.Logger = slog.New(slog.DiscardHandler)
	g.Group = New(config)
	t.Cleanup(g.Close)
	return g
}

type outcome struct {
	answer int
	err    error
}

// ask queues a call and returns where its outcome will be.
func (g *gate) ask(ctx context.Context, question int) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := g.Do(ctx, 0, question)
		done <- outcome{answer, err}
	}()
	return done
}

// queued waits until so many calls wait in the lane.
func (g *gate) queued(n int) {
	for len(g.lanes[0]) != n {
		runtime.Gosched()
	}
}

// arrives lets the next batch through.
func (g *gate) arrives(t *testing.T, calls int, err error) {
	t.Helper()
	if n := <-g.sizes; n != calls {
		t.Errorf("a batch of %d, want %d", n, calls)
	}
	g.pass <- err
}

func want(t *testing.T, got <-chan outcome, answer int, err error) {
	t.Helper()
	if o := <-got; o.answer != answer || !errors.Is(o.err, err) {
		t.Errorf("%+v, want %d, %v", o, answer, err)
	}
}

// TestBatch: what comes in while a batch is written is the next one, no larger
// than it may be, and a call that can't be taken harms no other.
func TestBatch(t *testing.T) {
	t.Parallel()
	g := gated(t, Config[int, int]{Batch: 4})
	first := g.ask(t.Context(), 1)
	if n := <-g.sizes; n != 1 {
		t.Errorf("a batch of %d", n)
	}
	var rest []<-chan outcome
	for i := range 5 {
		rest = append(rest, g.ask(t.Context(), 10+i))
		g.queued(i + 1)
	}
	g.pass <- nil
	want(t, first, 1, nil)
	g.arrives(t, 4, errRejected)
	for i := range 4 {
		if i == 2 {
			g.arrives(t, 1, errRejected)
			want(t, rest[i], 0, errRejected)
		} else {
			g.arrives(t, 1, nil)
			want(t, rest[i], 10+i, nil)
		}
	}
	g.arrives(t, 1, nil)
	want(t, rest[4], 14, nil)
}

// TestUncertain: a batch of which nobody knows what became is not run again.
func TestUncertain(t *testing.T) {
	t.Parallel()
	g := gated(t, Config[int, int]{})
	blocker := g.ask(t.Context(), 1)
	<-g.sizes
	one, other := g.ask(t.Context(), 2), g.ask(t.Context(), 3)
	g.queued(2)
	g.pass <- nil
	want(t, blocker, 1, nil)
	lost := errors.New("connection lost")
	g.arrives(t, 2, lost)
	want(t, one, 0, lost)
	want(t, other, 0, lost)
	select {
	case <-g.sizes:
		t.Error("it was run again")
	default:
	}
}

// TestQueueFull: who finds the queue full is told at once; who leaves before
// the batch begins is not run, and who leaves after is told that the call was
// under way.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	g := gated(t, Config[int, int]{Queue: 2})
	firstLeaves, leaveFirst := context.WithCancel(t.Context())
	first := g.ask(firstLeaves, 1)
	if n := <-g.sizes; n != 1 {
		t.Errorf("a batch of %d", n)
	}
	leaveFirst()
	want(t, first, 0, ErrUnderWay)
	secondLeaves, leaveSecond := context.WithCancel(t.Context())
	second := g.ask(secondLeaves, 2)
	g.queued(1)
	third := g.ask(t.Context(), 3)
	g.queued(2)
	want(t, g.ask(t.Context(), 4), 0, ErrBusy)
	leaveSecond()
	want(t, second, 0, context.Canceled)
	g.pass <- nil
	g.arrives(t, 1, nil)
	want(t, third, 3, nil)
}

// TestLanes: lanes run beside each other, and a call goes by its hash.
func TestLanes(t *testing.T) {
	t.Parallel()
	const lanes = 4
	var meet sync.WaitGroup
	meet.Add(lanes)
	g := New(Config[int, int]{Lanes: lanes, Run: func(context.Context, []*Call[int, int]) error {
		meet.Done()
		meet.Wait() // for all of them
		return nil
	}})
	defer g.Close()
	var all sync.WaitGroup
	for i := range lanes {
		all.Go(func() {
			if _, err := g.Do(t.Context(), uint64(i+lanes), 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestClose: what waits is still run, what comes later is refused.
func TestClose(t *testing.T) {
	t.Parallel()
	g := gated(t, Config[int, int]{})
	first := g.ask(t.Context(), 1)
	<-g.sizes
	second := g.ask(t.Context(), 2)
	g.queued(1)
	closed := make(chan struct{})
	go func() { g.Close(); close(closed) }()
	for refused := false; !refused; {
		g.lock.RLock()
		refused = g.closed
		g.lock.RUnlock()
	}
	want(t, g.ask(t.Context(), 3), 0, ErrClosed)
	g.pass <- nil
	g.arrives(t, 1, nil)
	want(t, first, 1, nil)
	want(t, second, 2, nil)
	<-closed
}
