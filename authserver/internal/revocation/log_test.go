package revocation

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// table is a store.Revocations whose next page is set by the test.
type table struct {
	asked []store.Mark
	page  store.RevocationPage
	err   error
}

func (f *table) Revocations(_ context.Context, since store.Mark, _ time.Time) (store.RevocationPage, error) {
	f.asked = append(f.asked, since)
	return f.page, f.err
}

func (f *table) ForgetRevocations(context.Context, time.Time) error { return nil }

// TestPolls: each poll reads on where the last one ended. A session is kept for
// as long as a verdict from before may be cached.
func TestPolls(t *testing.T) {
	t.Parallel()
	clock, source := clocktest.New(begin), &table{}
	l := New(Config{Feed: feed.New(feed.Config{}), Source: source, Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	poll := func(position string, sessions ...string) {
		t.Helper()
		source.page = store.RevocationPage{Next: store.Mark{Database: "a", Position: position}}
		for _, id := range sessions {
			source.page.List = append(source.page.List, store.Revocation{SessionID: id, At: clock.Now()})
		}
		if err := l.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	has := func(session string, want bool) {
		t.Helper()
		if ended, known := l.State(session, l.Life(), clock.Now()); !known || ended != want {
			t.Errorf("%s is known to have ended: %v, want %v", session, !want, want)
		}
	}
	poll("7")
	clock.Advance(PollInterval)
	poll("9", "one")
	has("one", true)
	has("two", false)
	clock.Advance(VerdictAge)
	poll("9", "one", "two") // it is read twice, and not kept for longer
	has("one", true)
	has("two", true)
	clock.Advance(PollInterval)
	poll("9")
	has("one", false)
	clock.Advance(KnownFor)
	has("two", true)
	clock.Advance(1)
	if _, known := l.State("two", l.Life(), clock.Now()); known {
		t.Error("an old poll is relied on")
	}
	want := []store.Mark{{}, {Database: "a", Position: "7"}, {Database: "a", Position: "9"}, {Database: "a", Position: "9"}}
	if !slices.Equal(source.asked, want) {
		t.Errorf("read from %v, want %v", source.asked, want)
	}
}

// TestV5DatabaseWentBack: what a database said before it was replaced by one
// that lost something does not count, and the log says so once.
func TestV5DatabaseWentBack(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	clock, source := clocktest.New(begin), &table{}
	l := New(Config{Feed: feed.New(feed.Config{}), Source: source, Clock: clock, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	poll := func(anew bool) {
		t.Helper()
		source.page = store.RevocationPage{Anew: anew, Next: store.Mark{Database: "a", Position: "1"}}
		if err := l.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	known := func(asked Life, want bool) {
		t.Helper()
		if _, known := l.State("one", asked, clock.Now()); known != want {
			t.Errorf("a verdict of life %d counts: %v", asked, known)
		}
	}
	before := l.Life()
	known(before, false)
	poll(true) // the first one
	known(before, false)
	first := l.Life()
	known(first, true)
	clock.Advance(PollInterval)
	poll(false)
	known(first, true)
	clock.Advance(-30 * time.Second) // the clock of the other database is behind
	poll(true)
	known(first, false)
	known(l.Life(), true)
	if n := strings.Count(log.String(), "restored or replaced"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
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
	if n := testing.AllocsPerRun(100, func() { l.Note(one) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
