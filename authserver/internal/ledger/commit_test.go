package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

// picky is a store of one account that does not take some keys.
type picky struct {
	Store
	account Account
	refuses func(keys []KeyRef) error
	batches []int
}

func (p *picky) Execute(_ context.Context, need Need, decide func(Loaded) Changes) error {
	p.batches = append(p.batches, len(need.Keys))
	if err := p.refuses(need.Keys); err != nil {
		return err
	}
	changes := decide(Loaded{Accounts: []Account{p.account}, Active: []string{p.account.UserID}})
	for _, a := range changes.Accounts {
		p.account = a
	}
	return nil
}

// TestRejected: the error of a batch that the database undid says so, and that
// of one of which nobody knows what became does not.
func TestRejected(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := New(Config{Now: func() time.Time { return now }, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	defer l.Close()
	batch := func(keys ...string) (calls []*call) {
		for _, key := range keys {
			calls = append(calls, &call{Question: Op{Kind: Use, Source: FromService, UserID: "u", AppID: "a", Amount: 1, Key: key}})
		}
		return calls
	}
	p := &picky{account: Account{UserID: "u", Paid: 100, Earned: 100, Entries: 1, Day: DayOf(now)}}
	l.config.Store = p

	p.refuses = func([]KeyRef) error { return fmt.Errorf("%w: a key", groupcommit.ErrRejected) }
	calls := batch("good", "bad")
	if err := l.execute(t.Context(), calls); !errors.Is(err, groupcommit.ErrRejected) {
		t.Errorf("%v is not tried one by one", err)
	}
	p.refuses = func([]KeyRef) error { return errors.New("connection lost") }
	if err := l.execute(t.Context(), calls); err == nil || errors.Is(err, groupcommit.ErrRejected) {
		t.Errorf("%v: uncertain, and tried again", err)
	}
	p.refuses = func([]KeyRef) error { return nil }
	if err := l.execute(t.Context(), calls); err != nil || calls[0].Answer.Transaction.After != 99 || calls[1].Answer.Transaction.After != 98 {
		t.Errorf("%v, %+v, %+v", err, calls[0].Answer, calls[1].Answer)
	}
	if p.account.Paid != 98 || len(p.batches) != 3 || p.batches[2] != 2 {
		t.Errorf("%d credits left after batches of %v", p.account.Paid, p.batches)
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
