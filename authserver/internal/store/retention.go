package store

import (
	"context"
)

// Retention deletes sessions that ended long ago. It holds no lock for longer
// than it takes to delete some rows, and several servers may run it at once.
type Retention interface {
	// SessionEnds returns when sessions end or ended. It lists at most limit
	// sessions by id, in the database's order, and begins behind the id after.
	// An empty after means from the first session.
	SessionEnds(ctx context.Context, after string, limit int) ([]SessionEnd, error)

	// DropSessions deletes sessions by their ids, and before them their refresh
	// tokens, at most limit rows in each transaction; limit is at least one. No
	// server may still be able to renew one of them. A session that another
	// call is deleting may be left to that call. dropped counts the deleted
	// sessions, also where there is an error.
	DropSessions(ctx context.Context, ids []string, limit int) (dropped int, err error)
}
