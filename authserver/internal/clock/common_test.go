package clock_test

import (
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
)

// private is a clock that the database does not share.
type private struct{ inner *clocktest.Clock }

func (p private) Now() time.Time                                  { return p.inner.Now() }
func (p private) AfterFunc(d time.Duration, f func()) func() bool { return p.inner.AfterFunc(d, f) }

func TestCommon(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	own := clocktest.New(begin)
	c := clock.NewCommon(private{own})
	shows := func(want time.Time) {
		t.Helper()
		if got := c.Now(); !got.Equal(want) {
			t.Errorf("shows %v, want %v", got, want)
		}
	}
	shows(begin)
	// The database is ten minutes behind; its answer took 20 ms.
	database := begin.Add(-10 * time.Minute)
	asked := own.Now()
	own.Advance(20 * time.Millisecond)
	if ahead := c.Observe(asked, own.Now(), database); ahead != 10*time.Minute {
		t.Errorf("ahead by %v", ahead)
	}
	shows(database.Add(20 * time.Millisecond))
	own.Advance(time.Second)
	shows(database.Add(1020 * time.Millisecond))

	// An observation that agrees changes nothing.
	asked = own.Now()
	own.Advance(40 * time.Millisecond)
	c.Observe(asked, own.Now(), database.Add(1030*time.Millisecond))
	shows(database.Add(1060 * time.Millisecond))

	// The database's clock goes on by an hour, as after a failover.
	moved := database.Add(time.Hour)
	c.Observe(own.Now(), own.Now(), moved)
	shows(moved)
	// So does the server's own, which the next observation corrects.
	own.Advance(time.Hour)
	shows(moved.Add(time.Hour))
	if ahead := c.Observe(own.Now(), own.Now(), moved); ahead != own.Now().Sub(moved) {
		t.Errorf("ahead by %v", ahead)
	}
	shows(moved)

	if ahead := c.Observe(own.Now(), own.Now(), time.Time{}); ahead != 0 {
		t.Errorf("ahead by %v of a database without a clock", ahead)
	}
	shows(moved)

	// A clock that is off by more than a day was set on purpose.
	if ahead := c.Observe(own.Now(), own.Now(), own.Now().Add(-25*time.Hour)); ahead != 25*time.Hour {
		t.Errorf("ahead by %v", ahead)
	}
	shows(own.Now())
}

func TestCommonShared(t *testing.T) {
	t.Parallel()
	own := clocktest.New(time.Unix(1, 0))
	c := clock.NewCommon(own)
	c.Observe(own.Now(), own.Now(), time.Unix(99, 0))
	if got := c.Now(); !got.Equal(own.Now()) {
		t.Errorf("shows %v", got)
	}
}
