package ledger

import (
	"context"
	"errors"
	"sync/atomic"
)

// waiting is an operation on its way.
type waiting struct {
	op    Op
	begun atomic.Bool
	done  chan struct{} // closed: result and err are there

	result Result
	err    error
}

// begin is true for one caller: the committer that runs the operation, or the
// one who asked for it and left before.
func (w *waiting) begin() bool { return w.begun.CompareAndSwap(false, true) }

// commitAll runs what comes in, in batches: whatever has come in while the
// last batch was written.
func (l *Ledger) commitAll(queue <-chan *waiting) {
	batch := make([]*waiting, 0, l.config.Batch)
	for first := range queue {
		batch = batch[:0]
		next := first
	gather:
		for {
			if next.begin() {
				batch = append(batch, next)
			}
			if len(batch) == l.config.Batch {
				break
			}
			var open bool
			select {
			case next, open = <-queue:
				if !open {
					break gather
				}
			default:
				break gather
			}
		}
		l.run(batch)
	}
}

// run runs a batch and says to everyone what came of it.
func (l *Ledger) run(batch []*waiting) {
	if len(batch) == 0 {
		return
	}
	err := l.execute(batch)
	if len(batch) > 1 && errors.Is(err, ErrRejected) {
		l.config.Log.Warn("a batch of credit operations was rejected and is run one by one", "operations", len(batch), "error", err)
		// One of them may be what the database can't take. The others shall
		// not suffer for it.
		for i := range batch {
			l.run(batch[i : i+1])
		}
		return
	}
	for _, w := range batch {
		if err != nil {
			w.result, w.err = Result{}, err
		}
		close(w.done)
	}
}

// execute runs a batch in one transaction.
func (l *Ledger) execute(batch []*waiting) error {
	now := l.now()
	need := needOf(batch)
	need.Now = now
	var broken error
	err := l.config.Store.Execute(context.Background(), need, func(loaded Loaded) Changes {
		book := NewBook(l.config.Policy, now, l.newID, loaded)
		for _, w := range batch {
			w.result, w.err = book.Apply(w.op)
		}
		if broken = book.Err(); broken != nil {
			return Changes{}
		}
		return book.Changes()
	})
	return errors.Join(err, broken)
}

// needOf is what the operations of a batch have to know.
func needOf(batch []*waiting) Need {
	var n Need
	users := set[string]{}
	keys := set[KeyRef]{}
	reservations := set[string]{}
	transactions := set[string]{}
	grants := set[GrantRef]{}
	recent := set[RecentRef]{}
	for _, w := range batch {
		op := w.op
		if op.UserID != "" {
			users.add(&n.Users, op.UserID)
		}
		if op.Key != "" {
			keys.add(&n.Keys, KeyRef{op.UserID, op.AppID, op.Key})
		}
		switch op.Kind {
		case Commit, Release:
			reservations.add(&n.Reservations, op.ReservationID)
		case Grant:
			grants.add(&n.Grants, GrantRef{op.AppID, op.Reference})
		case GiveBack:
			if op.TransactionID != "" {
				transactions.add(&n.Transactions, op.TransactionID)
			} else {
				recent.add(&n.Recent, RecentRef{op.UserID, op.AppID})
			}
		}
	}
	return n
}

// set keeps a list free of repetitions.
type set[T comparable] map[T]struct{}

func (s set[T]) add(list *[]T, v T) {
	if _, there := s[v]; !there {
		s[v] = struct{}{}
		*list = append(*list, v)
	}
}
