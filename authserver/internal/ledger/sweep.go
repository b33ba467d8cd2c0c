package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
)

const (
	// sweepRows is how many reservations a sweep reads at a time.
	sweepRows = 1000
	// sweepAtOnce is how many accounts a sweep has under way.
	sweepAtOnce = 32
)

// Sweep returns what overdue reservations hold to their accounts. swept counts
// the accounts, each as often as it took. An account that cannot be swept does
// not keep the others of its page from it. Any number of servers may sweep at
// once.
func (l *Ledger) Sweep(ctx context.Context) (swept int, err error) {
	for {
		users, more, err := l.config.Store.Overdue(ctx, l.now(), sweepRows)
		if err != nil {
			return swept, err
		}
		var errs []error
		for some := range slices.Chunk(users, sweepAtOnce) {
			errs = append(errs, l.sweep(ctx, some)...)
		}
		swept += len(users) - len(errs)
		if !more || len(errs) > 0 {
			return swept, errors.Join(errs...)
		}
	}
}

// sweep sweeps accounts and returns an error for each that could not be swept.
func (l *Ledger) sweep(ctx context.Context, users []string) (failed []error) {
	errs := make([]error, len(users))
	var all sync.WaitGroup
	for i, user := range users {
		all.Go(func() { _, errs[i] = l.Do(ctx, Op{Kind: Sweep, Source: FromSystem, UserID: user}) })
	}
	all.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
