package ledger

import (
	"context"
	"sync"
)

// sweepAtOnce is how many accounts a sweep reads at a time.
const sweepAtOnce = 256

// Sweep returns what overdue reservations hold to their accounts. swept is the
// number of accounts. Any number of servers may do so at once.
func (l *Ledger) Sweep(ctx context.Context) (swept int, err error) {
	for {
		users, err := l.config.Store.Overdue(ctx, l.now(), sweepAtOnce)
		if err != nil {
			return swept, err
		}
		errs := make([]error, len(users))
		var all sync.WaitGroup
		for i, user := range users {
			all.Go(func() { _, errs[i] = l.Do(ctx, Op{Kind: Sweep, Source: FromSystem, UserID: user}) })
		}
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return swept, err
			}
			swept++
		}
		if len(users) < sweepAtOnce {
			return swept, nil
		}
	}
}
