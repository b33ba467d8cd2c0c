package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// markAtOnce is how many sessions the transaction that ends all sessions of a
// user marks itself. Nearly every user has fewer.
const markAtOnce = 200

// unmarked are the sessions of the user ?1 that ended with an epoch and whose
// rows do not say so yet.
const unmarked = `FROM sessions s JOIN users u ON u.id = s.user_id
	WHERE s.user_id = ?1 AND s.revoked_at IS NULL AND s.epoch < u.session_epoch`

const (
	markEnded = `UPDATE sessions SET (revoked_at, updated_at) =
			(SELECT sessions_ended_at, sessions_ended_at FROM users WHERE id = ?1)
		WHERE id IN (SELECT s.id ` + unmarked + ` LIMIT ?2)`
	noteLeft = `INSERT INTO session_endings (user_id) SELECT ?1 WHERE EXISTS (SELECT 1 ` + unmarked + `) ON CONFLICT DO NOTHING`
	dropLeft = `DELETE FROM session_endings WHERE user_id = ?1 AND NOT EXISTS (SELECT 1 ` + unmarked + `)`
)

// endAll ends all sessions of a user, but for one, in a new epoch.
func (t *tx) endAll(which store.Ending) ([]store.EndedSession, error) {
	now, keep, after := millis(which.At), text(which.Except), millis(which.ExpiresAfter)
	_, err := t.exec(`UPDATE users SET session_epoch = session_epoch + 1, sessions_ended_at = ? WHERE id = ?`, now, which.UserID)
	if err != nil {
		return nil, err
	}
	rows, err := t.sql.QueryContext(t.ctx, `INSERT INTO session_revocations (session_id, at)
		SELECT s.id, ?2 FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.user_id = ?1 AND s.revoked_at IS NULL AND s.epoch = u.session_epoch - 1
			AND (?3 IS NULL OR s.id <> ?3) AND (?4 IS NULL OR s.expires_at > ?4)
		RETURNING session_id`, which.UserID, now, keep, after)
	if err != nil {
		return nil, t.note(err)
	}
	ended, err := collect(rows, func() (store.EndedSession, error) {
		e := store.EndedSession{UserID: which.UserID}
		err := rows.Scan(&e.ID)
		return e, err
	})
	if err != nil {
		return nil, t.note(err)
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`UPDATE sessions SET epoch = epoch + 1 WHERE id = ? AND user_id = ? AND revoked_at IS NULL
			AND epoch = (SELECT session_epoch - 1 FROM users u WHERE u.id = sessions.user_id)`, []any{which.Except, which.UserID}},
		{markEnded, []any{which.UserID, markAtOnce}},
		{noteLeft, []any{which.UserID}},
	} {
		if _, err := t.exec(step.query, step.args...); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// EndedUsers implements store.Endings.
func (s *Store) EndedUsers(ctx context.Context, limit int) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT user_id FROM session_endings ORDER BY user_id LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (user string, err error) {
		err = rows.Scan(&user)
		return user, err
	})
}

// rowsOfPiece is how many sessions MarkEnded marks while it keeps other writers
// away, which takes about a millisecond.
const rowsOfPiece = 20

// MarkEnded implements store.Endings, in pieces. There is one writer: after each
// piece the others get some times as long as it took, because SQLite has those of
// other processes sleep between their attempts to get in.
func (s *Store) MarkEnded(ctx context.Context, userID string, limit int) (marked int, err error) {
	for marked < limit {
		piece := min(limit-marked, rowsOfPiece)
		n, err := s.markPiece(ctx, userID, piece)
		if marked += n; err != nil || n < piece {
			return marked, err
		}
	}
	return marked, nil
}

// markPiece marks at most limit sessions in one transaction.
func (s *Store) markPiece(ctx context.Context, userID string, limit int) (marked int, err error) {
	began := time.Now()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, markEnded, userID, limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		marked = int(n)
		if err != nil || marked == limit {
			return err
		}
		_, err = tx.ExecContext(ctx, dropLeft, userID)
		return err
	})
	if err != nil {
		return 0, err
	}
	return marked, pause(ctx, 4*time.Since(began))
}
