package background

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

// TestRememberedHangs: ten callers of a question that hangs put it once and fail
// at its timeout; one that leaves does so at once. After the retry time the
// next caller asks anew.
func TestRememberedHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const timeout, retry = 5 * time.Second, 200 * time.Millisecond
		var asked atomic.Int32
		var hangs atomic.Bool
		hangs.Store(true)
		r := NewRemembered(RememberedConfig{Fresh: time.Second, Retry: retry, Timeout: timeout}, func(ctx context.Context) (string, error) {
			asked.Add(1)
			if hangs.Load() {
				<-ctx.Done()
				return "half an answer", ctx.Err()
			}
			return "answer", nil
		})
		leaving, leave := context.WithCancel(t.Context())
		began := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.Get(leaving); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
				t.Errorf("who left got %v after %v", err, time.Since(began))
			}
		})
		synctest.Wait() // it is the one that asks
		for range 9 {
			all.Go(func() {
				if answer, err := r.Get(t.Context()); answer != "" || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != timeout {
					t.Errorf("%q, %v after %v", answer, err, time.Since(began))
				}
			})
		}
		time.Sleep(time.Second)
		leave()
		all.Wait()
		hangs.Store(false)
		get := func(want string, wantErr error, questions int32) {
			t.Helper()
			if answer, err := r.Get(t.Context()); answer != want || !errors.Is(err, wantErr) {
				t.Errorf("%q, %v, want %q, %v", answer, err, want, wantErr)
			}
			if n := asked.Load(); n != questions {
				t.Errorf("it was asked %d times, want %d", n, questions)
			}
		}
		time.Sleep(retry - time.Nanosecond)
		get("", context.DeadlineExceeded, 1)
		time.Sleep(time.Nanosecond)
		get("answer", nil, 2)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if answer, err := r.Get(gone); answer != "answer" || err != nil {
			t.Errorf("from memory: %q, %v", answer, err)
		}
	})
}

// TestRememberedAge: an answer serves from the moment of the question, however
// long it took, and not after the clock was set back.
func TestRememberedAge(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(begin)
	asked := 0
	took := time.Duration(0)
	r := NewRemembered(RememberedConfig{Clock: clock, Fresh: time.Second, Retry: time.Minute, Timeout: time.Minute},
		func(context.Context) (int, error) { asked++; clock.Jump(took); return asked, nil })
	for _, step := range []struct {
		name  string
		after time.Duration // since the step before
		took  time.Duration
		want  int
	}{
		{name: "the first", want: 1},
		{name: "almost too old", after: time.Second - 1, want: 1},
		{name: "too old", after: 1, took: 600 * time.Millisecond, want: 2},
		{name: "old since its question", after: 399 * time.Millisecond, want: 2},
		{name: "too old since its question", after: time.Millisecond, want: 3},
		{name: "set back", after: -1, want: 4},
	} {
		clock.Jump(step.after)
		took = step.took
		if got, err := r.Get(t.Context()); got != step.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", step.name, got, err, step.want)
		}
	}
}

// O21: a question that panics is one error in the log and an error for who
// asked, and is put again after the retry time.
func TestO21PanicInQuestion(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	clock := clocktest.New(begin)
	asked := 0
	r := NewRemembered(RememberedConfig{
		Clock: clock, Fresh: time.Minute, Retry: time.Second, Timeout: time.Minute,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}, func(context.Context) (int, error) {
		if asked++; asked == 1 {
			panic("out of order")
		}
		return asked, nil
	})
	for range 2 {
		if _, err := r.Get(t.Context()); err == nil || err.Error() != "panic: string" {
			t.Errorf("Get: %v", err)
		}
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Contains(text, "out of order") || !strings.Contains(text, "background.TestO21PanicInQuestion") {
		t.Errorf("the log:\n%s", text)
	}
	clock.Advance(time.Second)
	if answer, err := r.Get(t.Context()); answer != 2 || err != nil {
		t.Errorf("Get: %d, %v", answer, err)
	}
}
