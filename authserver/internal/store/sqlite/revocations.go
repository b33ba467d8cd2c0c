package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// allBut is the condition on all sessions of a user but one that live or may
// be renewed, and allButArgs what it needs.
const allBut = `user_id = ? AND id <> ? AND expires_at > ?`

func allButArgs(userID, keep string, now time.Time) []any {
	return []any{userID, keep, millis(now.Add(-store.Overtime))}
}

// revoke ends, in a transaction of its own, sessions of one user as end does,
// and writes the event if it ended any.
func (s *Store) revoke(ctx context.Context, event store.Event, where string, args ...any) (ended []string, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		ended, err = revoke(ctx, tx, event, where, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

func revoke(ctx context.Context, tx *sql.Tx, event store.Event, where string, args ...any) ([]string, error) {
	ended, userID, err := end(ctx, tx, event.CreatedAt, where, args...)
	if err != nil || len(ended) == 0 {
		return nil, err
	}
	event.UserID = userID
	return ended, addEvent(ctx, tx, event)
}

// end ends the sessions that where finds and that were not revoked before.
// They are all of the user whom it returns.
func end(ctx context.Context, tx *sql.Tx, at time.Time, where string, args ...any) (ended []string, userID string, err error) {
	now := millis(at)
	rows, err := tx.QueryContext(ctx, `UPDATE sessions SET revoked_at = ?, updated_at = ?
		WHERE revoked_at IS NULL AND `+where+` RETURNING id, user_id`, append([]any{now, now}, args...)...)
	if err != nil {
		return nil, "", err
	}
	ended, err = collect(rows, func() (id string, err error) {
		err = rows.Scan(&id, &userID)
		return id, err
	})
	if err != nil {
		return nil, "", err
	}
	for _, id := range ended {
		if _, err := tx.ExecContext(ctx, `INSERT INTO session_revocations (session_id, at) VALUES (?, ?)`, id, now); err != nil {
			return nil, "", err
		}
	}
	return ended, userID, nil
}

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, after int64) ([]store.Revocation, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT seq, session_id FROM session_revocations WHERE seq > ? ORDER BY seq`, after)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (r store.Revocation, err error) {
		err = rows.Scan(&r.Seq, &r.SessionID)
		return r, err
	})
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM session_revocations WHERE at < ?`, millis(before))
	return err
}
