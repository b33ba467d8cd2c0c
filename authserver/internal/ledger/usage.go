package ledger

import (
	"context"
	"errors"
)

// MaxUsages is how many entries one answer of Usage holds. A user's own client
// may name any app, so the days alone do not bound an answer.
const MaxUsages = 10_000

// ErrManyUsages means that there are more than MaxUsages entries on the days
// that were asked for.
var ErrManyUsages = errors.New("ledger: too many usages for one answer")

// UsageQuery asks how much a user spent.
type UsageQuery struct {
	UserID string
	AppID  string // empty means any app
	First  Day
	Last   Day // First or later
}

// Usage lists what a user spent with each app on each day, ordered by day and
// app. It sees everything that was committed before the call. Days without a
// usage or a refund are not listed, and a user without an account has none. The
// error is ErrManyUsages where there are more than MaxUsages entries.
func (l *Ledger) Usage(ctx context.Context, q UsageQuery) ([]DayUsage, error) {
	list, err := l.config.Store.DayUsages(ctx, q, MaxUsages+1)
	if err != nil {
		return nil, err
	}
	if len(list) > MaxUsages {
		return nil, ErrManyUsages
	}
	return list, nil
}
