package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// markAtOnce is how many sessions the transaction that ends all sessions of a
// user marks itself. Nearly every user has fewer.
const markAtOnce = 200

// lockEnded comes before dropLeft, as a statement of its own. What ends the
// sessions of the user once more has committed by then, so that dropLeft sees the
// rows that it left, or else it comes afterwards and makes an entry of its own.
const lockEnded = `SELECT 1 FROM auth.users WHERE id = $1 FOR NO KEY UPDATE`

var (
	// beginEpoch ends the sessions of every epoch before.
	beginEpoch = named(`UPDATE auth.users SET session_epoch = session_epoch + 1, sessions_ended_at = @at::timestamptz WHERE id = @user`)
	// noteEnded stores the revocations of the sessions that were live in the
	// epoch before. It waits for no session's row: a refresh that is under way
	// renews a session of an epoch that is over.
	noteEnded = named(`INSERT INTO auth.session_revocations (session_id, at)
		SELECT s.id, @at::timestamptz FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
		WHERE s.user_id = @user AND s.revoked_at IS NULL AND s.epoch = u.session_epoch - 1
			AND (@keep::text IS NULL OR s.id <> @keep) AND (@after::timestamptz IS NULL OR s.expires_at > @after)
		RETURNING session_id`)
	keepSession = named(`UPDATE auth.sessions s SET epoch = u.session_epoch FROM auth.users u
		WHERE s.id = @keep AND s.user_id = @user AND u.id = @user AND s.revoked_at IS NULL AND s.epoch = u.session_epoch - 1`)
	// markEnded passes over rows that another transaction holds.
	markEnded = named(`UPDATE auth.sessions SET revoked_at = e.at, updated_at = e.at
		FROM (SELECT s.id, u.sessions_ended_at AS at FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
			WHERE s.user_id = @user AND s.revoked_at IS NULL AND s.epoch < u.session_epoch
			LIMIT @limit FOR NO KEY UPDATE OF s SKIP LOCKED) e
		WHERE sessions.id = e.id RETURNING sessions.id`)
	noteLeft = named(`INSERT INTO auth.session_endings (user_id) SELECT u.id FROM auth.users u
		WHERE u.id = @user AND EXISTS (SELECT 1 FROM auth.sessions s
			WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.epoch < u.session_epoch)
		ON CONFLICT DO NOTHING`)
	// dropLeft leaves the entry where rows are left that another transaction
	// holds.
	dropLeft = named(`DELETE FROM auth.session_endings e USING auth.users u
		WHERE e.user_id = @user AND u.id = e.user_id AND NOT EXISTS (SELECT 1 FROM auth.sessions s
			WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.epoch < u.session_epoch)`)
)

// endAll ends all sessions of a user, but for one, in a new epoch.
func (t *tx) endAll(which store.Ending) (ended []store.EndedSession, err error) {
	args := pgx.NamedArgs{
		"user": which.UserID, "at": at(which.At), "keep": text(which.Except), "after": at(which.ExpiresAfter), "limit": markAtOnce,
	}
	beginEpoch.queue(t.queued, args)
	noteEnded.queue(t.queued, args).Query(func(rows pgx.Rows) (err error) {
		ended, err = pgx.AppendRows(ended, rows, func(row pgx.CollectableRow) (store.EndedSession, error) {
			e := store.EndedSession{UserID: which.UserID}
			err := row.Scan(&e.ID)
			return e, err
		})
		return err
	})
	if which.Except != "" {
		keepSession.queue(t.queued, args)
	}
	markEnded.queue(t.queued, args)
	noteLeft.queue(t.queued, args)
	if err := t.send(); err != nil {
		return nil, err
	}
	return ended, nil
}

// EndedUsers implements store.Endings.
func (s *Store) EndedUsers(ctx context.Context, limit int) (users []string, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT user_id FROM auth.session_endings ORDER BY user_id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		users, err = pgx.AppendRows(users[:0], rows, pgx.RowTo[string])
		return err
	})
	return users, err
}

// MarkEnded implements store.Endings.
func (s *Store) MarkEnded(ctx context.Context, userID string, limit int) (marked int, err error) {
	args := pgx.NamedArgs{"user": userID, "limit": limit}
	err = call(ctx, func(ctx context.Context) error {
		marked = 0
		return s.indexed(ctx, markEnded.text, markEnded.values(args), func(pgx.Rows) error { marked++; return nil })
	})
	if err == nil && marked < limit {
		err = call(ctx, func(ctx context.Context) error {
			var batch pgx.Batch
			begin(&batch, lockTime)
			batch.Queue(lockEnded, userID)
			dropLeft.queue(&batch, args)
			batch.Queue(`COMMIT`)
			return s.pool.SendBatch(ctx, &batch).Close()
		})
	}
	return marked, err
}
