package store

import (
	"context"
)

// Retention deletes what has been over for long. It holds no lock for longer
// than it takes to delete some rows, and several may be at it at once.
type Retention interface {
	// SessionEnds tells when the first limit sessions behind the id after end
	// or did, by id in the database's order; empty: from the first.
	SessionEnds(ctx context.Context, after string, limit int) ([]SessionEnd, error)

	// DropSessions deletes sessions by their ids, and before them their refresh
	// tokens, at most limit rows in each transaction; limit is at least one. No
	// server may still renew one of them. A session that another call is
	// deleting may be left to it. dropped counts sessions, also after an error.
	DropSessions(ctx context.Context, ids []string, limit int) (dropped int, err error)
}
