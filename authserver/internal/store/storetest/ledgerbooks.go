package storetest

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

var policy = ledger.Policy{SignupBonus: 150, Daily: 5, DailyCap: 160}

// books is a ledger over a store, with a clock that the test sets.
type books struct {
	*testing.T
	*ledger.Ledger
	store store.Store
	now   *atomic.Int64 // milliseconds since the Unix epoch
}

// openBooks starts a ledger that sweeps when it is told to.
func openBooks(t *testing.T, s store.Store, change ...func(*ledger.Config)) *books {
	t.Helper()
	b := &books{T: t, store: s, now: new(atomic.Int64)}
	b.set(start)
	config := ledger.Config{
		Store: s.Ledger(), Policy: policy, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(b.now.Load()).UTC() },
	}
	for _, c := range change {
		c(&config)
	}
	b.Ledger = ledger.New(config)
	t.Cleanup(b.Close)
	return b
}

func (b *books) set(now time.Time)       { b.now.Store(now.UnixMilli()) }
func (b *books) advance(d time.Duration) { b.now.Add(d.Milliseconds()) }

// user makes a user, whose id it returns.
func (b *books) user(name string) string {
	b.Helper()
	return mustCreate(b.T, b.store, name).user.ID
}

func (b *books) do(op ledger.Op) ledger.Result {
	b.Helper()
	r, err := b.Do(b.Context(), op)
	if err != nil {
		b.Fatalf("%+v: %v", op, err)
	}
	return r
}

// refuse checks that an operation is refused for the reason and leaves the
// user's account as it is.
func (b *books) refuse(op ledger.Op, user string, reason error) {
	b.Helper()
	before, entries := b.balance(user), b.history(user)
	if _, err := b.Do(b.Context(), op); !errors.Is(err, reason) {
		b.Errorf("%+v: %v, want %v", op, err, reason)
	}
	equal(b.T, "account after a refusal", b.balance(user), before)
	equal(b.T, "history after a refusal", b.history(user), entries)
}

func (b *books) balance(user string) ledger.Account {
	b.Helper()
	a, err := b.Balance(b.Context(), user)
	if err != nil {
		b.Fatalf("Balance(%s): %v", user, err)
	}
	return a
}

func (b *books) history(user string) []ledger.Transaction {
	b.Helper()
	list, _, err := b.History(b.Context(), user, ledger.Page{Limit: 1000})
	if err != nil {
		b.Fatalf("History(%s): %v", user, err)
	}
	return list
}

// pots checks what a user has.
func (b *books) pots(user string, paid, free, held int64) {
	b.Helper()
	a := b.balance(user)
	if a.Paid != paid || a.Free != free || a.HeldPaid+a.HeldFree != held {
		b.Errorf("%s has %d paid, %d free, %d held; want %d, %d, %d", user, a.Paid, a.Free, a.HeldPaid+a.HeldFree, paid, free, held)
	}
}

// audit checks a user's account against the transactions, and all accounts as an
// operator does.
func (b *books) audit(user string) {
	b.Helper()
	if err := ledger.Audit(b.balance(user), b.history(user)); err != nil {
		b.Error(err)
	}
	if _, err := ledger.AuditAll(b.Context(), b.store.Ledger(), nil); err != nil {
		b.Error(err)
	}
}

const app = "chat"

func use(user string, amount int64, key string) ledger.Op {
	return ledger.Op{Kind: ledger.Use, Source: ledger.FromService, UserID: user, AppID: app, Amount: amount, Description: "words", Key: key}
}

func grant(user string, amount int64, reference string) ledger.Op {
	return ledger.Op{Kind: ledger.Grant, Source: ledger.FromService, UserID: user, AppID: app, Amount: amount, Reason: "sold", Reference: reference}
}

func refund(user string, amount int64, of string) ledger.Op {
	return ledger.Op{Kind: ledger.GiveBack, Source: ledger.FromService, UserID: user, AppID: app, Amount: amount, Description: "sorry", TransactionID: of}
}

func reserve(user string, amount int64, key string) ledger.Op {
	return ledger.Op{Kind: ledger.Reserve, Source: ledger.FromService, UserID: user, AppID: app, Amount: amount, Reason: "stream", Lifetime: time.Minute, Key: key}
}

func commit(reservation string, amount int64) ledger.Op {
	return ledger.Op{Kind: ledger.Commit, Source: ledger.FromService, AppID: app, ReservationID: reservation, Amount: amount}
}

func release(reservation string) ledger.Op {
	return ledger.Op{Kind: ledger.Release, Source: ledger.FromService, AppID: app, ReservationID: reservation}
}

// parallel runs f so many times at once.
func parallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
