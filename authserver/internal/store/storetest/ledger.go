package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

var ledgerTests = []struct {
	name string
	run  func(t *testing.T, s store.Store)
}{
	{"ledger: first balance", firstBalance},
	{"ledger: spending", spending},
	{"ledger: A182 double spend", doubleSpend},
	{"ledger: A183 A184 idempotency", idempotency},
	{"ledger: A187 largest balance", largestBalance},
	{"ledger: A188 refunds", refunds},
	{"ledger: A188 refund beside a replay", refundBesideReplay},
	{"ledger: grants", grants},
	{"ledger: A190 reservations", reservations},
	{"ledger: commit against expiry", commitAgainstExpiry},
	{"ledger: sweep", sweep},
	{"ledger: O3 pages of an app", pagesOfApp},
	{"ledger: O2 many overdue reservations", manyOverdue},
	{"ledger: daily credits", dailyCredits},
	{"ledger: A192 one daily grant", oneDailyGrant},
	{"ledger: A196 pages", pages},
	{"ledger: day usages", dayUsages},
	{"ledger: audit of all accounts", auditAll},
	{"ledger: deleted and unknown users", goneUsers},
	{"ledger: a caller that left", callerThatLeft},
	{"ledger: closed", closedLedger},
	{"ledger: a bad operation in a batch", badOperation},
	{"ledger: a row that is not as it was read", changedRow},
	{"service keys", serviceKeys},
}

func firstBalance(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	parallel(20, func(int) {
		if a, err := b.Balance(t.Context(), user); err != nil || a.Free != 150 {
			t.Errorf("%+v, %v", a, err)
		}
	})
	b.pots(user, 0, 150, 0)
	list := b.history(user)
	if len(list) != 1 {
		t.Fatalf("%d transactions", len(list))
	}
	want := ledger.Transaction{
		ID: list[0].ID, UserID: user, Entry: 1, Type: ledger.Bonus, Source: ledger.FromSystem, Amount: 150, Free: 150,
		Before: 0, After: 150, FreeAfter: 150, AppID: ledger.SystemApp, Description: "Signup bonus", CreatedAt: start,
	}
	equal(t, "signup bonus", list[0], want)
	b.audit(user)
}

func spending(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	// Nobody read the balance before.
	op := use(user, 100, "")
	op.Metadata = `{"model":"toy \u0000"}`
	first := b.do(op).Transaction
	want := ledger.Transaction{
		ID: first.ID, UserID: user, Entry: 2, Type: ledger.Usage, Source: ledger.FromService, Amount: -100, Free: -100,
		Before: 150, After: 50, FreeAfter: 50, SpentAfter: 100, AppID: app, Description: "words", Metadata: op.Metadata, CreatedAt: start,
	}
	equal(t, "result", first, want)
	equal(t, "row", b.history(user)[0], want)
	b.do(grant(user, 30, "g"))
	second := b.do(use(user, 60, "")).Transaction
	if second.Free != -50 || second.PaidAfter != 20 || second.FreeAfter != 0 {
		t.Errorf("free ones first: %+v", second)
	}
	var short *ledger.InsufficientError
	if _, err := b.Do(t.Context(), use(user, 21, "")); !errors.As(err, &short) || short.Required != 21 || short.Available != 20 {
		t.Errorf("%v", err)
	}
	b.pots(user, 20, 0, 0)
	b.audit(user)
}

func doubleSpend(t *testing.T, s store.Store) {
	one, other := openBooks(t, s), openBooks(t, s) // two servers on one database
	user := one.user("ann")
	one.do(use(user, 149, ""))
	var done, short atomic.Int64
	parallel(1000, func(i int) {
		b := []*books{one, other}[i%2]
		_, err := b.Do(t.Context(), use(user, 1, fmt.Sprint("k", i)))
		switch {
		case err == nil:
			done.Add(1)
		case errors.Is(err, ledger.ErrInsufficient):
			short.Add(1)
		default:
			t.Error(err)
		}
	})
	if done.Load() != 1 || short.Load() != 999 {
		t.Errorf("%d spent, %d refused", done.Load(), short.Load())
	}
	one.pots(user, 0, 0, 0)
	one.audit(user)
}

func idempotency(t *testing.T, s store.Store) {
	one, other := openBooks(t, s), openBooks(t, s)
	user, bob := one.user("ann"), one.user("bob")
	op := use(user, 10, "key")
	op.Metadata = `{"a":1,"b":2}`
	again := op
	again.Metadata = `{ "b": 2, "a": 1 }`
	var (
		results [100]ledger.Result
		first   atomic.Int64
	)
	parallel(len(results), func(i int) {
		r, err := []*books{one, other}[i%2].Do(t.Context(), []ledger.Op{op, again}[i/2%2])
		if err != nil {
			t.Error(err)
		}
		if !r.Replayed {
			first.Add(1)
		}
		r.Replayed = false
		results[i] = r
	})
	for _, r := range results {
		if r.Transaction.ID != results[0].Transaction.ID || r.Transaction.After != 140 {
			t.Fatalf("another answer: %+v and %+v", r, results[0])
		}
	}
	if first.Load() != 1 {
		t.Errorf("%d effects", first.Load())
	}
	one.pots(user, 0, 140, 0)
	for name, change := range map[string]func(*ledger.Op){
		"amount":      func(o *ledger.Op) { o.Amount = 11 },
		"description": func(o *ledger.Op) { o.Description = "other" },
		"metadata":    func(o *ledger.Op) { o.Metadata = `{"a":1}` },
		"kind":        func(o *ledger.Op) { *o = reserve(user, 10, "key") },
		"refund":      func(o *ledger.Op) { *o = refund(user, 10, results[0].Transaction.ID); o.Key = "key" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := op
			change(&changed)
			one.refuse(changed, user, ledger.ErrKeyReused)
		})
	}
	// Two whole numbers that a float64 can't tell apart are two.
	large := use(user, 1, "large")
	large.Metadata = `{"row":9007199254740993}`
	one.do(large)
	large.Metadata = `{"row":9007199254740992}`
	one.refuse(large, user, ledger.ErrKeyReused)
	// The same key of another user and of another app is another key.
	one.do(use(bob, 10, "key"))
	elsewhere := op
	elsewhere.AppID = "picture"
	if r := one.do(elsewhere); r.Replayed {
		t.Error("another app's transaction")
	}
	// A refusal leaves the key free.
	one.refuse(use(bob, 1000, "later"), bob, ledger.ErrInsufficient)
	one.do(grant(bob, 1000, "g"))
	if r := one.do(use(bob, 1000, "later")); r.Replayed {
		t.Error("a refusal was remembered")
	}
	// Much later the key is known still.
	one.advance(400 * 24 * time.Hour)
	if r := one.do(op); !r.Replayed || r.Transaction.ID != results[0].Transaction.ID || r.Transaction.FreeAfter != 140 {
		t.Errorf("after a year: %+v", r)
	}
	one.audit(user)
	one.audit(bob)
}

func largestBalance(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	b.refuse(grant(user, ledger.MaxCredits, "a"), user, ledger.ErrTooLarge) // over the bonus
	b.do(grant(user, ledger.MaxCredits-150, "b"))
	b.refuse(grant(user, 1, "c"), user, ledger.ErrTooLarge)
	b.advance(24 * time.Hour) // no room for daily credits either
	b.pots(user, ledger.MaxCredits-150, 150, 0)
	spent := b.do(use(user, ledger.MaxCredits, "")).Transaction
	b.refuse(grant(user, ledger.MaxCredits, "d"), user, ledger.ErrTooLarge) // the total of what was earned
	b.do(refund(user, ledger.MaxCredits, spent.ID))
	b.audit(user)
}

func refunds(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user, bob := b.user("ann"), b.user("bob")
	b.do(grant(user, 50, "g"))
	taken := b.do(use(user, 180, "")).Transaction // 150 free, 30 paid
	b.refuse(refund(user, 181, taken.ID), user, ledger.ErrOverRefund)
	back := b.do(refund(user, 20, taken.ID)).Transaction
	if back.Amount != 20 || back.Free != 0 || back.RefundOf != taken.ID || back.Type != ledger.Refund {
		t.Errorf("%+v", back)
	}
	if b.do(refund(user, 20, taken.ID)).Transaction.Free != 10 {
		t.Error("paid credits come back first, and no more than were taken")
	}
	b.refuse(refund(user, 141, taken.ID), user, ledger.ErrOverRefund)
	b.refuse(refund(user, 1, back.ID), user, ledger.ErrNotRefundable) // of a refund
	b.refuse(refund(bob, 1, taken.ID), bob, ledger.ErrNotRefundable)  // of another user
	foreign := refund(user, 1, taken.ID)
	foreign.AppID = "picture"
	b.refuse(foreign, user, ledger.ErrNotRefundable)
	bonus := b.history(user)[len(b.history(user))-1]
	b.refuse(refund(user, 1, bonus.ID), user, ledger.ErrNotRefundable)
	b.refuse(refund(user, 1, "01890a5d-ac96-774b-bcce-b302099a8057"), user, ledger.ErrNoTransaction)
	var done atomic.Int64
	parallel(50, func(int) {
		if _, err := b.Do(t.Context(), refund(user, 14, taken.ID)); err == nil {
			done.Add(1)
		} else if !errors.Is(err, ledger.ErrOverRefund) {
			t.Error(err)
		}
	})
	if done.Load() != 10 {
		t.Errorf("%d refunds of a tenth", done.Load())
	}
	b.pots(user, 50, 150, 0)

	// Without a transaction: of what this app took, the newest with enough.
	small, large := b.do(use(user, 5, "")).Transaction, b.do(use(user, 10, "")).Transaction
	own := use(user, 3, "")
	own.Source = ledger.FromUser
	b.do(own)
	for _, step := range []struct {
		amount int64
		of     string
	}{{6, large.ID}, {4, large.ID}, {5, small.ID}} {
		if r := b.do(refund(user, step.amount, "")); r.Transaction.RefundOf != step.of {
			t.Errorf("refund of %d belongs to %s, want %s", step.amount, r.Transaction.RefundOf, step.of)
		}
	}
	b.refuse(refund(user, 1, ""), user, ledger.ErrOverRefund)
	b.audit(user)
}

// refundBesideReplay: an old usage that is fully refunded comes into a batch
// by its key. A refund in that batch that names no usage does not find it
// whole.
func refundBesideReplay(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	old := b.do(use(user, 10, "old")).Transaction
	b.do(refund(user, 10, old.ID))
	parallel(ledger.MaxRecent, func(int) { _, _ = b.Do(t.Context(), use(user, 1, "")) })
	need := ledger.Need{
		Now: b.at(), Users: []string{user},
		Keys: []ledger.KeyRef{{UserID: user, AppID: app, Key: "old", Source: ledger.FromService}}, Recent: []ledger.RecentRef{{UserID: user, AppID: app}},
	}
	newID := func() (string, error) { return "01890a5d-ac96-774b-bcce-b302099a8057", nil }
	var refusal error
	err := s.Ledger().Execute(t.Context(), need, func(l ledger.Loaded) ledger.Changes {
		book := ledger.NewBook(policy, b.at(), newID, l)
		_, refusal = book.Apply(refund(user, 10, ""))
		return book.Changes()
	})
	if err != nil || !errors.Is(refusal, ledger.ErrOverRefund) {
		t.Errorf("%v, refusal %v", err, refusal)
	}
	b.pots(user, 0, 100, 0)
	b.audit(user)
}

func grants(t *testing.T, s store.Store) {
	one, other := openBooks(t, s), openBooks(t, s)
	user, bob := one.user("ann"), one.user("bob")
	var (
		ids  [100]string
		done atomic.Int64
	)
	parallel(len(ids), func(i int) {
		r, err := []*books{one, other}[i%2].Do(t.Context(), grant(user, 25, "payment"))
		if err != nil {
			t.Error(err)
		}
		if !r.Replayed {
			done.Add(1)
		}
		ids[i] = r.Transaction.ID
	})
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("another transaction")
		}
	}
	if done.Load() != 1 {
		t.Errorf("%d grants", done.Load())
	}
	one.pots(user, 25, 150, 0)
	one.refuse(grant(user, 26, "payment"), user, ledger.ErrKeyReused)
	one.refuse(grant(bob, 25, "payment"), bob, ledger.ErrKeyReused)
	elsewhere := grant(user, 25, "payment")
	elsewhere.AppID = "picture"
	one.do(elsewhere)
	one.pots(user, 50, 150, 0)

	// One reference, two users, two servers: one of them gets it.
	done.Store(0)
	parallel(40, func(i int) {
		_, err := []*books{one, other}[i%2].Do(t.Context(), grant([]string{user, bob}[i%2], 1, "race"))
		if err == nil {
			done.Add(1)
		} else if !errors.Is(err, ledger.ErrKeyReused) {
			t.Error(err)
		}
	})
	if done.Load() != 20 || one.balance(user).Paid+one.balance(bob).Paid != 51 {
		t.Errorf("%d answers, %d and %d credits", done.Load(), one.balance(user).Paid, one.balance(bob).Paid)
	}
	one.audit(user)
	one.audit(bob)
}

func callerThatLeft(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 50 {
		// It never began, or the outcome is told, or that it is not known.
		before := b.balance(user).Spent
		_, err := b.Do(gone, use(user, 1, ""))
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		b.do(ledger.Op{Kind: ledger.Touch, Source: ledger.FromSystem, UserID: user}) // which comes after it
		got, unknown := b.balance(user).Spent-before, errors.Is(err, groupcommit.ErrUnderWay)
		if got != 0 && err != nil && !unknown || got != 1 && err == nil || got > 1 {
			t.Errorf("%d spent, %v", got, err)
		}
	}
	b.audit(user)
}

func closedLedger(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	var done atomic.Int64
	began := make(chan struct{}, 200)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			began <- struct{}{}
			switch _, err := b.Do(t.Context(), use(user, 1, "")); {
			case err == nil:
				done.Add(1)
			case errors.Is(err, groupcommit.ErrClosed):
			case errors.Is(err, ledger.ErrInsufficient):
			default:
				t.Error(err)
			}
		})
	}
	for range 100 {
		<-began
	}
	b.Close()
	all.Wait()
	after := openBooks(t, s)
	if got := after.balance(user).Spent; got != done.Load() {
		t.Errorf("%d spent, %d acknowledged", got, done.Load())
	}
}
