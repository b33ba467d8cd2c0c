package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"crypto/rand"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

// gate is a store of one account that holds every batch until it is let
// through.
type gate struct {
	Store
	account Account
	sizes   chan int   // of the batches that arrive
	pass    chan error // what becomes of each; nil: it is done
}

func (g *gate) Execute(_ context.Context, need Need, decide func(Loaded) Changes) error {
	g.sizes <- len(need.Keys)
	err := <-g.pass
	if err != nil {
		return err
	}
	changes := decide(Loaded{Accounts: []Account{g.account}, Active: []string{g.account.UserID}})
	for _, a := range changes.Accounts {
		g.account = a
	}
	return nil
}

func gated(t *testing.T, queue int) (*gate, *Ledger) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	g := &gate{
		account: Account{UserID: "u", Paid: 100, Earned: 100, Entries: 1, Day: DayOf(now)},
		sizes:   make(chan int), pass: make(chan error),
	}
	l := New(Config{Store: g, Now: func() time.Time { return now }, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Queue: queue})
	t.Cleanup(l.Close)
	return g, l
}

type outcome struct {
	Result
	err error
}

// spend queues a spend of one credit and returns where its outcome will be.
func spend(ctx context.Context, l *Ledger, key string) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		r, err := l.Do(ctx, Op{Kind: Use, Source: FromService, UserID: "u", AppID: "a", Amount: 1, Key: key})
		done <- outcome{r, err}
	}()
	return done
}

// queued waits until so many operations wait for the committer.
func queued(l *Ledger, n int) {
	for len(l.committers[0]) != n {
		runtime.Gosched()
	}
}

// TestBatch: what comes in while a batch is written is the next one, and an
// operation that the database does not take harms no other.
func TestBatch(t *testing.T) {
	t.Parallel()
	g, l := gated(t, 10)
	first := spend(t.Context(), l, "first")
	if n := <-g.sizes; n != 1 {
		t.Errorf("a batch of %d", n)
	}
	var rest []<-chan outcome
	for i := range 4 {
		rest = append(rest, spend(t.Context(), l, fmt.Sprint(i)))
		queued(l, i+1)
	}
	g.pass <- nil
	if o := <-first; o.err != nil || o.Transaction.After != 99 {
		t.Errorf("%+v", o)
	}
	if n := <-g.sizes; n != 4 {
		t.Errorf("a batch of %d", n)
	}
	g.pass <- fmt.Errorf("%w: one of them", ErrRejected)
	bad := errors.Join(ErrRejected, errors.New("this one"))
	for i := range 4 {
		if n := <-g.sizes; n != 1 {
			t.Errorf("a batch of %d", n)
		}
		if i == 2 {
			g.pass <- bad
		} else {
			g.pass <- nil
		}
	}
	for i, done := range rest {
		o := <-done
		if i == 2 && !errors.Is(o.err, bad) || i != 2 && o.err != nil {
			t.Errorf("operation %d: %+v", i, o)
		}
	}
	if g.account.Paid != 96 {
		t.Errorf("%d credits left", g.account.Paid)
	}
}

// TestUncertain: a batch of which nobody knows what became is not run again.
func TestUncertain(t *testing.T) {
	t.Parallel()
	g, l := gated(t, 10)
	blocker := spend(t.Context(), l, "blocker")
	<-g.sizes
	one, other := spend(t.Context(), l, "one"), spend(t.Context(), l, "other")
	queued(l, 2)
	g.pass <- nil
	<-blocker
	<-g.sizes
	lost := errors.New("connection lost")
	g.pass <- lost
	for _, done := range []<-chan outcome{one, other} {
		if o := <-done; !errors.Is(o.err, lost) {
			t.Errorf("%+v", o)
		}
	}
	select {
	case <-g.sizes:
		t.Error("it was run again")
	default:
	}
}

// TestQueueFull: who finds the queue full is told at once; who leaves before
// the batch begins is not run.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	g, l := gated(t, 2)
	first := spend(t.Context(), l, "first")
	<-g.sizes
	ctx, leave := context.WithCancel(t.Context())
	second := spend(ctx, l, "second")
	queued(l, 1)
	third := spend(t.Context(), l, "third")
	queued(l, 2)
	if o := <-spend(t.Context(), l, "fourth"); !errors.Is(o.err, ErrBusy) {
		t.Errorf("%+v", o)
	}
	leave()
	if o := <-second; !errors.Is(o.err, context.Canceled) {
		t.Errorf("%+v", o)
	}
	g.pass <- nil
	<-first
	if n := <-g.sizes; n != 1 {
		t.Errorf("a batch of %d", n)
	}
	g.pass <- nil
	if o := <-third; o.err != nil || g.account.Paid != 98 {
		t.Errorf("%+v, %d left", o, g.account.Paid)
	}
}

// TestDay: days are those of UTC.
func TestDay(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 14*3600)
	for at, want := range map[time.Time]Day{
		time.Unix(0, 0): 0, time.Unix(-1, 0): -1, time.Unix(86399, 999e6): 0, time.Unix(86400, 0): 1,
		time.Date(1970, 1, 2, 10, 0, 0, 0, zone): 0,
	} {
		if got := DayOf(at); got != want {
			t.Errorf("%v: %d, want %d", at, got, want)
		}
	}
	if got := Day(1).Start(); !got.Equal(time.Unix(86400, 0)) {
		t.Errorf("%v", got)
	}
}
