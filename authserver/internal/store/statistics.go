package store

import (
	"context"
	"time"
)

// Statistics counts for an operator. Counting may read whole tables, so call it
// seldom.
type Statistics interface {
	// CountLiveSessions counts the sessions that are live at now.
	CountLiveSessions(ctx context.Context, now time.Time) (int64, error)
}
