package storetest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// queued is a context that tells when it is waited for, as groupcommit.Group does
// once a call is in its lane.
type queued struct {
	context.Context
	tell func()
}

func (q queued) Done() <-chan struct{} {
	q.tell()
	return q.Context.Done()
}

// inOneBatch starts n calls, each once the one before it is queued, and has release
// called when all are. It returns when all have ended.
func inOneBatch(t *testing.T, n int, release func(), call func(ctx context.Context, i int)) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		waits := make(chan struct{})
		ctx := queued{t.Context(), sync.OnceFunc(func() { close(waits) })}
		all.Go(func() { call(ctx, i) })
		<-waits
	}
	release()
	all.Wait()
}

// RotateTogether rotates in one batch of a groupcommit.Group, as the server does.
func RotateTogether(t *testing.T, s store.Sessions, asked ...store.Rotation) []store.Rotated {
	t.Helper()
	began, pass := make(chan struct{}), make(chan struct{})
	var batches []int
	group := groupcommit.New(groupcommit.Config[store.Rotation, store.Rotated]{
		Logger: slog.New(slog.DiscardHandler),
		Run: func(ctx context.Context, calls []*groupcommit.Call[store.Rotation, store.Rotated]) error {
			if calls[0].Question.Judge == nil { // it keeps the lane while the others gather
				close(began)
				<-pass
				return nil
			}
			batches = append(batches, len(calls))
			questions := make([]store.Rotation, len(calls))
			for i, c := range calls {
				questions[i] = c.Question
			}
			for i, out := range s.Rotate(ctx, questions) {
				calls[i].Answer, calls[i].Err = out, out.Err
			}
			return nil
		},
	})
	defer group.Close()
	var first sync.WaitGroup
	first.Go(func() { _, _ = group.Do(t.Context(), 0, store.Rotation{}) })
	<-began
	out := make([]store.Rotated, len(asked))
	inOneBatch(t, len(asked), func() { close(pass) }, func(ctx context.Context, i int) {
		answer, err := group.Do(ctx, uint64(i), asked[i])
		answer.Err = err
		out[i] = answer
	})
	first.Wait()
	if batches[0] != len(asked) {
		t.Errorf("batches of %v, want %d together", batches, len(asked))
	}
	return out
}

// heldLedger is a ledger.Store whose next batch waits where it is asked to.
type heldLedger struct {
	ledger.Store
	began, pass chan struct{} // nil: it does not wait
	batches     []int         // how many users each concerned
}

func (h *heldLedger) Execute(ctx context.Context, need ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	h.batches = append(h.batches, len(need.Users))
	if began := h.began; began != nil {
		h.began = nil
		close(began)
		<-h.pass
	}
	return h.Store.Execute(ctx, need, decide)
}

// doTogether runs operations in one batch and returns what came of each.
func (b *books) doTogether(held *heldLedger, first ledger.Op, ops ...ledger.Op) ([]ledger.Result, []error) {
	b.Helper()
	began, pass := make(chan struct{}), make(chan struct{})
	held.began, held.pass, held.batches = began, pass, nil
	var before sync.WaitGroup
	before.Go(func() {
		if _, err := b.Do(b.Context(), first); err != nil {
			b.Errorf("the operation before the batch: %v", err)
		}
	})
	<-began
	results, errs := make([]ledger.Result, len(ops)), make([]error, len(ops))
	inOneBatch(b.T, len(ops), func() { close(pass) }, func(ctx context.Context, i int) {
		results[i], errs[i] = b.Do(ctx, ops[i])
	})
	before.Wait()
	return results, errs
}

// badOperation: what the database does not take harms the operation that it is
// about, and no other of its batch.
func badOperation(t *testing.T, s store.Store) {
	timeless := reserve("user-bob", 1, "")
	timeless.Lifetime = 0
	held := &heldLedger{Store: s.Ledger()}
	b := openBooks(t, s, func(c *ledger.Config) { c.Store = held })
	ann, bob, cid := b.user("ann"), b.user("bob"), b.user("cid")
	for _, user := range []string{ann, bob, cid} {
		b.pots(user, 0, 150, 0)
	}
	for round, bad := range []ledger.Op{use(bob, 0, ""), timeless} {
		left := int64(150 - 20*round)
		results, errs := b.doTogether(held, ledger.Op{Kind: ledger.Touch, Source: ledger.FromSystem, UserID: cid},
			use(ann, 15, ""), bad, use(ann, 5, ""), use(cid, 7, ""))
		if len(held.batches) != 6 || held.batches[1] != 3 {
			t.Errorf("batches of %v users, want 1, 3 together and 4 times 1", held.batches)
		}
		if errs[0] != nil || errs[2] != nil || errs[3] != nil || !errors.Is(errs[1], groupcommit.ErrRejected) {
			t.Fatalf("%v, want the second one alone to be rejected", errs)
		}
		if one, two := results[0].Transaction.After, results[2].Transaction.After; one != left-15 || two != left-20 {
			t.Errorf("%d and then %d credits left, want %d and %d", one, two, left-15, left-20)
		}
		b.pots(ann, 0, left-20, 0)
		b.pots(bob, 0, 150, 0)
		b.pots(cid, 0, 150-7*int64(round+1), 0)
	}
	b.do(use(bob, 1, ""))
	for _, user := range []string{ann, bob, cid} {
		b.audit(user)
	}
}

// changedRow: a batch that has to write to a row, and does not find it as it was
// read, writes nothing.
func changedRow(t *testing.T, s store.Store) {
	b := openBooks(t, s)
	user := b.user("ann")
	b.pots(user, 0, 150, 0)
	settled := b.do(reserve(user, 10, "")).Reservation
	settled.State, settled.SettledAt = ledger.Released, b.at()
	b.do(release(settled.ID))
	for name, change := range map[string]func(*ledger.Changes){
		"no such account": func(c *ledger.Changes) {
			c.Accounts = append(c.Accounts, ledger.Account{UserID: "user-nobody", CreatedAt: start, UpdatedAt: start})
		},
		"no such reservation": func(c *ledger.Changes) {
			nowhere := settled
			nowhere.ID = "01890a5d-ac96-774b-bcce-b302099a8057"
			c.Settled = append(c.Settled, nowhere)
		},
		"a reservation that is not open": func(c *ledger.Changes) { c.Settled = append(c.Settled, settled) },
	} {
		t.Run(name, func(t *testing.T) {
			before, entries := b.balance(user), b.history(user)
			newID := func() (string, error) { return "01890a5d-ac96-774b-bcce-b302099a8058", nil }
			err := s.Ledger().Execute(t.Context(), ledger.Need{Now: b.at(), Users: []string{user}}, func(l ledger.Loaded) ledger.Changes {
				book := ledger.NewBook(policy, b.at(), newID, l)
				if _, err := book.Apply(use(user, 10, "")); err != nil {
					t.Error(err)
				}
				changes := book.Changes()
				change(&changes)
				return changes
			})
			if !errors.Is(err, groupcommit.ErrRejected) {
				t.Errorf("%v, want a rejection", err)
			}
			equal(t, "account", b.balance(user), before)
			equal(t, "history", b.history(user), entries)
		})
	}
	b.do(use(user, 1, ""))
	b.audit(user)
}
