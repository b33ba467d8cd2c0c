package authtest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
)

// clock is what package client asks of a clock.
type clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

var _ clock = (*authtest.Clock)(nil)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestClockOrder(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, name+" "+c.Now().Sub(start).String()) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, note("a"))
	c.AfterFunc(time.Second, note("a2"))
	c.AfterFunc(-time.Second, note("now"))
	c.AfterFunc(time.Minute, note("late"))
	stop := c.AfterFunc(2*time.Second, note("stopped"))
	c.AfterFunc(2*time.Second, func() {
		note("b")()
		c.AfterFunc(time.Second/2, note("within"))
		c.AfterFunc(time.Hour, note("never"))
	})
	if !stop() || stop() {
		t.Error("stop: want true once, then false")
	}
	if c.Advance(0); !slices.Equal(got, []string{"now 0s"}) {
		t.Errorf("after Advance(0): %q", got)
	}
	c.Advance(10 * time.Second)
	want := []string{"now 0s", "a 1s", "a2 1s", "b 2s", "within 2.5s", "c 3s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if now := c.Now(); !now.Equal(start.Add(10 * time.Second)) {
		t.Errorf("Now = %v after ten seconds", now)
	}
}

func TestClockStopAfterCall(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	stop := c.AfterFunc(time.Second, func() {})
	c.Advance(time.Second)
	if stop() {
		t.Error("stop = true after the call")
	}
}

func TestClockAdvanceFromCallback(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	var at []time.Duration
	c.AfterFunc(time.Second, func() { c.Advance(5 * time.Second) })
	c.AfterFunc(4*time.Second, func() { at = append(at, c.Now().Sub(start)) })
	c.Advance(2 * time.Second)
	if diff := cmp.Diff([]time.Duration{4 * time.Second}, at); diff != "" {
		t.Error(diff)
	}
	if got := c.Now().Sub(start); got != 7*time.Second {
		t.Errorf("moved by %v, want 7s", got)
	}
}

func TestClockSet(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	var calls int
	c.AfterFunc(time.Minute, func() { calls++ })
	c.Set(start.Add(-time.Hour))
	if got := c.Now(); !got.Equal(start.Add(-time.Hour)) {
		t.Errorf("Now = %v, want an hour back", got)
	}
	if c.Advance(59 * time.Second); calls != 0 {
		t.Error("called early after the clock was set back")
	}
	if c.Advance(time.Second); calls != 1 {
		t.Error("not called after its minute, set back or not")
	}
	c.AfterFunc(time.Minute, func() { calls++ })
	if c.Set(start.Add(time.Hour)); calls != 2 {
		t.Error("not called when the clock was set forward past it")
	}
}

func TestClockConcurrent(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	var mu sync.Mutex
	var calls int
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				c.AfterFunc(time.Second, func() { mu.Lock(); calls++; mu.Unlock() })
				c.Advance(time.Second)
			}
		})
	}
	group.Wait()
	if got := c.Now().Sub(start); got != 800*time.Second {
		t.Errorf("moved by %v, want 800s", got)
	}
	if c.Advance(time.Second); calls != 800 {
		t.Errorf("%d calls, want 800", calls)
	}
}

func TestClockAwaitTimers(t *testing.T) {
	t.Parallel()
	c := authtest.NewClock(start)
	go func() {
		c.AfterFunc(time.Second, func() {})
		c.AfterFunc(time.Second, func() {})
	}()
	if err := c.AwaitTimers(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.AwaitTimers(ctx, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestNilClockIsRealTime(t *testing.T) {
	t.Parallel()
	var c *authtest.Clock
	before := time.Now()
	if now := c.Now(); now.Before(before) || now.After(time.Now()) {
		t.Errorf("Now = %v", now)
	}
	called := make(chan struct{})
	c.AfterFunc(0, func() { close(called) })
	<-called
	if stop := c.AfterFunc(time.Hour, func() {}); !stop() {
		t.Error("stop = false before the call")
	}
}
