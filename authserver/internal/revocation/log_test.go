package revocation

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// table is a store.Revocations of which rows appear in any order.
type table struct {
	lock  sync.Mutex
	rows  []store.Revocation
	after []int64 // what was asked for
}

func (f *table) commit(seq int64, session string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.rows = append(f.rows, store.Revocation{Seq: seq, SessionID: session})
}

func (f *table) Revocations(_ context.Context, after int64) ([]store.Revocation, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.after = append(f.after, after)
	return slices.DeleteFunc(slices.Clone(f.rows), func(r store.Revocation) bool { return r.Seq <= after }), nil
}

func (f *table) ForgetRevocations(context.Context, time.Time) error { return nil }

// TestLateCommits: a transaction may take a number, let others with higher ones
// pass, and end within lateCommit. It is seen all the same.
func TestLateCommits(t *testing.T) {
	t.Parallel()
	clock, source := clocktest.New(begin), &table{}
	l := New(Config{Feed: feed.New(feed.Config{}), Source: source, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	poll := func() {
		t.Helper()
		if err := l.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	step := func(d time.Duration) {
		t.Helper()
		for range d / PollInterval {
			clock.Advance(PollInterval)
			poll()
		}
	}
	has := func(session string, want bool) {
		t.Helper()
		if ended, known := l.State(session, clock.Now()); !known || ended != want {
			t.Errorf("%s is known to have ended: %v, want %v", session, !want, want)
		}
	}
	for round := range int64(3) {
		base := 100 * round
		source.commit(base+2, "second")
		step(PollInterval)
		has("second", true)
		step(lateCommit - 2*PollInterval)
		source.commit(base+1, "late")
		has("late", false)
		step(PollInterval)
		has("late", true)

		// It is kept for as long as a verdict from before may be remembered,
		// and no longer.
		step(VerdictAge)
		has("late", true)
		has("second", false)
		step(PollInterval)
		has("late", false)
		if from := source.after[len(source.after)-1]; from != base+2 {
			t.Errorf("a poll begins at %d, want %d", from, base+2)
		}
	}
	if n := len(l.marks); n > int(lateCommit/PollInterval)+2 {
		t.Errorf("%d marks are kept", n)
	}
}

// TestNoteAmongMany: to learn of one session costs the same however many have
// just ended. Not parallel, because it counts allocations.
func TestNoteAmongMany(t *testing.T) {
	l := New(Config{Feed: feed.New(feed.Config{}), Source: &table{}, Clock: clocktest.New(begin), Logger: slog.New(slog.DiscardHandler)})
	for i := range 20_000 {
		l.Note([]string{strconv.Itoa(i)})
	}
	one := []string{"one"}
	if n := testing.AllocsPerRun(100, func() { l.Note(one) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}
