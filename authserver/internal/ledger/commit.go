package ledger

import (
	"context"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
)

// call is an operation on its way.
type call = groupcommit.Call[Op, Result]

// execute runs a batch in one transaction.
func (l *Ledger) execute(ctx context.Context, batch []*call) error {
	now := l.now()
	need := needOf(batch)
	need.Now = now
	var broken error
	err := l.config.Store.Execute(ctx, need, func(loaded Loaded) Changes {
		book := NewBook(l.config.Policy, now, l.newID, loaded)
		for _, c := range batch {
			c.Answer, c.Err = book.Apply(c.Question)
		}
		if broken = book.Err(); broken != nil {
			return Changes{}
		}
		return book.Changes()
	})
	return errors.Join(err, broken)
}

// needOf is what the operations of a batch have to know.
func needOf(batch []*call) Need {
	var n Need
	users := set[string]{}
	keys := set[KeyRef]{}
	reservations := set[string]{}
	transactions := set[string]{}
	grants := set[GrantRef]{}
	recent := set[RecentRef]{}
	for _, c := range batch {
		op := c.Question
		if op.UserID != "" {
			users.add(&n.Users, op.UserID)
		}
		if op.Key != "" {
			keys.add(&n.Keys, KeyRef{op.UserID, op.AppID, op.Key, op.Source})
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
