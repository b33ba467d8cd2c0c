package clocktest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

var _ clock.Clock = (*clocktest.Clock)(nil)

// TestClock: a function is called once when its time has come, not before it,
// not after it was stopped, and not by a jump.
func TestClock(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := clocktest.New(begin)
	var calls atomic.Int32
	after := func(d time.Duration) func() bool { return c.AfterFunc(d, func() { calls.Add(1) }) }
	called := func(want int32) {
		t.Helper()
		if n := calls.Load(); n != want {
			t.Errorf("%d calls at %v, want %d", n, c.Now(), want)
		}
	}
	one := after(time.Second)
	two := after(time.Second)
	after(time.Minute)
	c.Advance(time.Second - 1)
	called(0)
	if !two() || two() {
		t.Error("a timer that waits is stopped, and once")
	}
	c.Advance(1)
	called(1)
	if one() {
		t.Error("a timer that has called was stopped")
	}
	c.Jump(time.Hour)
	called(1)
	c.Advance(0)
	called(2)
	c.Advance(time.Hour)
	called(2)
	if want := begin.Add(2*time.Hour + time.Second); !c.Now().Equal(want) {
		t.Errorf("the clock shows %v, want %v", c.Now(), want)
	}
}
