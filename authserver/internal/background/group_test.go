package background

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestEvery: a worker runs when the interval has passed since its last end, and
// not after Close.
func TestEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		g := New(Config{})
		g.Every("worker", time.Second, func(context.Context) error {
			calls.Add(1)
			time.Sleep(time.Second) // in the bubble's time: the next call is a second after the end of this one
			return nil
		})
		time.Sleep(9500 * time.Millisecond)
		synctest.Wait()
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls, want 5", n)
		}
		if w := g.Workers()[0]; w.Took != time.Second {
			t.Errorf("a run took %v", w.Took)
		}
		for range 2 { // a second time: nothing
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
		g.Every("late", time.Second, func(context.Context) error { t.Error("a worker that came after the end ran"); return nil })
		g.OnClose("late", func() error { t.Error("a function that came after the end was called"); return nil })
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 5 {
			t.Errorf("%d calls after the end", n-5)
		}
	})
}

// TestClose: the runs under way are cancelled and waited for, and then the
// functions are called from the last to the first, each even if another fails.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		g := New(Config{Logger: slog.New(slog.DiscardHandler)})
		broken := errors.New("it does not close")
		g.OnClose("first", func() error { order = append(order, "first"); return broken })
		g.Every("worker", time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, "worker")
			return ctx.Err()
		})
		g.OnClose("second", func() error { order = append(order, "second"); panic("out of order") })
		g.OnClose("third", func() error { order = append(order, "third"); return nil })
		time.Sleep(1500 * time.Millisecond)
		err := g.Close()
		if want := []string{"worker", "third", "second", "first"}; !slices.Equal(order, want) {
			t.Errorf("the order is %q, want %q", order, want)
		}
		if !errors.Is(err, broken) || err.Error() != "second: panic: string\nfirst: it does not close" {
			t.Errorf("Close: %v", err)
		}
		if again := g.Close(); !errors.Is(again, broken) {
			t.Errorf("a second Close: %v", again)
		}
	})
}

// O21: a worker that panics is logged as one error with the stack and runs
// again. What each worker did last can be read.
func TestO21PanicInWorker(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	clock := clocktest.New(begin)
	g := New(Config{Clock: clock, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	failed := errors.New("not this time")
	outcomes := []func() error{
		func() error { clock.Jump(time.Millisecond); return failed },
		func() error { panic("out of order") },
		func() error { return nil },
	}
	run := 0
	g.Every("one", time.Second, func(context.Context) error {
		run++
		return outcomes[run-1]()
	})
	g.Every("other", time.Hour, func(context.Context) error { return nil })
	reads := func(want Worker, text string) {
		t.Helper()
		got := g.Workers()
		if err := got[0].Err; (err == nil) != (text == "") || err != nil && err.Error() != text {
			t.Errorf("the error is %v, want %q", err, text)
		}
		got[0].Err = nil
		if diff := cmp.Diff([]Worker{want, {Name: "other"}}, got); diff != "" {
			t.Errorf("workers (-want +got):\n%s", diff)
		}
	}
	reads(Worker{Name: "one"}, "")
	clock.Advance(time.Second)
	reads(Worker{Name: "one", LastRun: begin.Add(time.Second), Took: time.Millisecond}, "not this time")
	clock.Advance(time.Second)
	reads(Worker{Name: "one", LastRun: begin.Add(2*time.Second + time.Millisecond)}, "panic: string")
	clock.Advance(time.Second)
	reads(Worker{Name: "one", LastRun: begin.Add(3*time.Second + time.Millisecond)}, "")
	text := log.String()
	if strings.Count(text, "level=ERROR") != 1 || strings.Contains(text, "out of order") || !strings.Contains(text, "name=one") || !strings.Contains(text, "background.TestO21PanicInWorker") {
		t.Errorf("the log:\n%s", text)
	}
}
