package store

import (
	"context"
	"time"
)

// CountExactly is up to how many sessions that have not been ended are counted
// one by one.
const CountExactly = 10_000

// Statistics counts for an operator. Counting costs the same however many rows
// there are.
type Statistics interface {
	// CountLiveSessions counts the sessions that are live at now. Where more
	// than CountExactly were not ended, it is an estimate.
	CountLiveSessions(ctx context.Context, now time.Time) (int64, error)
}
