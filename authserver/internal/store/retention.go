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

// Endings marks the rows of sessions that ended together with all others of
// their user. It changes nothing of what Session and Rotate say, and several
// servers may run it at once.
type Endings interface {
	// EndedUsers lists users, at most limit, that have sessions to be marked.
	EndedUsers(ctx context.Context, limit int) ([]string, error)

	// MarkEnded marks sessions of a user, at most limit, in one transaction.
	// Fewer mean that none is left, or that another transaction holds the rest.
	MarkEnded(ctx context.Context, userID string, limit int) (marked int, err error)
}
