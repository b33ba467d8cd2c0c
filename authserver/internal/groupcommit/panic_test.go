package groupcommit

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// O21: a panic while a batch is run, or while its error is asked what it is,
// fails the calls of the batch and no others. The log has one error for it, with
// the stack, and the lane goes on.
func TestO21PanicInBatch(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(calls []*Call[int, int]) error{
		"run": func(calls []*Call[int, int]) error {
			calls[0].Answer = 7 // what was set before counts for nothing
			panicHere()
			return nil
		},
		"run, with an error": func([]*Call[int, int]) error { panic(errRejected) },
		"error":              func([]*Call[int, int]) error { return asked(func() bool { panicHere(); return true }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			panics := make(chan bool, 3)
			arrived, pass := make(chan int), make(chan struct{})
			g := New(Config[int, int]{
				Run: func(_ context.Context, calls []*Call[int, int]) error {
					arrived <- len(calls)
					<-pass
					if <-panics {
						return run(calls)
					}
					for _, c := range calls {
						c.Answer = c.Question
					}
					return nil
				},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			defer g.Close()
			ask := (&gate{Group: g}).ask
			panics <- false
			first := ask(t.Context(), 1)
			<-arrived
			two, three := ask(t.Context(), 2), ask(t.Context(), 3)
			(&gate{Group: g}).queued(2)
			pass <- struct{}{}
			want(t, first, 1, nil)

			if n := <-arrived; n != 2 {
				t.Errorf("a batch of %d, want 2", n)
			}
			panics <- true
			pass <- struct{}{}
			want(t, two, 0, ErrPanicked)
			want(t, three, 0, ErrPanicked)

			fourth := ask(t.Context(), 4)
			<-arrived
			panics <- false
			pass <- struct{}{}
			want(t, fourth, 4, nil)
			g.Close()
			text := log.String()
			if strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "groupcommit.TestO21PanicInBatch") || !strings.Contains(text, "calls=2") {
				t.Errorf("the log:\n%s", text)
			}
		})
	}
}

func panicHere() { panic("out of order") }

// asked is an error that does something when it is asked what it is.
type asked func() bool

func (asked) Error() string { return "out of order" }

func (f asked) Is(error) bool { return f() }

// TestPanicInPart: a call that panics when it is run alone, after the batch was
// rejected, fails by itself.
func TestPanicInPart(t *testing.T) {
	t.Parallel()
	arrived, pass := make(chan int), make(chan struct{})
	g := New(Config[int, int]{
		Run: func(_ context.Context, calls []*Call[int, int]) error {
			arrived <- len(calls)
			<-pass
			switch {
			case len(calls) > 1:
				return errRejected
			case calls[0].Question == 3:
				panicHere()
			}
			calls[0].Answer = calls[0].Question
			return nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	defer g.Close()
	ask := (&gate{Group: g}).ask
	first := ask(t.Context(), 1)
	<-arrived
	two := ask(t.Context(), 2)
	(&gate{Group: g}).queued(1)
	three := ask(t.Context(), 3)
	(&gate{Group: g}).queued(2)
	var all sync.WaitGroup
	all.Go(func() {
		for range 3 {
			<-arrived
			pass <- struct{}{}
		}
	})
	pass <- struct{}{}
	want(t, first, 1, nil)
	want(t, two, 2, nil)
	want(t, three, 0, ErrPanicked)
	all.Wait()
}
