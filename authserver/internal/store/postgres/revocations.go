package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// ending is the part of a statement that ends the sessions which where, a
// condition, finds and which were not revoked before. Their rows are locked in
// the order in which renewals lock theirs, so that the two wait for each other
// and never in a circle. A session that ended before is locked too: the commit
// of a lock waits for the standby as that of the end did, and so nobody is told
// of an end that only this server's disk knows.
func ending(where string) string {
	return `found AS (
		SELECT id FROM auth.sessions WHERE ` + where + ` ORDER BY id FOR UPDATE
	), ended AS (
		UPDATE auth.sessions s SET revoked_at = @event_at::timestamptz, updated_at = @event_at::timestamptz
		FROM found, auth.users u
		WHERE s.id = found.id AND s.revoked_at IS NULL AND u.id = s.user_id AND s.epoch = u.session_epoch
		RETURNING s.id, s.user_id
	), noted AS (
		INSERT INTO auth.session_revocations (session_id, at) SELECT id, @event_at::timestamptz FROM ended
	)`
}

// readRevocations reads what was stored by transactions that had not ended when
// the mark was made. All of them have numbers from the least one on that was
// under way then, however long they took, and whatever order they committed in.
// A server that was started anew, or a standby in its place, has another start
// time; its numbers may be those of transactions that were lost.
const readRevocations = `SELECT i.id, i.position, i.now, r.session_id, r.at
	FROM (SELECT (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || extract(epoch FROM pg_postmaster_start_time()) AS id,
			pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position, clock_timestamp() AS now) i
	LEFT JOIN auth.session_revocations r ON i.id = $1 AND i.position >= $2 AND r.xid >= $2`

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, since store.Mark, from time.Time) (out store.RevocationPage, err error) {
	err = call(ctx, func(ctx context.Context) error {
		out = store.RevocationPage{}
		return s.indexed(ctx, readRevocations, []any{since.Database, since.Position}, func(rows pgx.Rows) error {
			var (
				session *string
				ended   *time.Time
			)
			err := rows.Scan(&out.Next.Database, &out.Next.Position, &out.Now, &session, &ended)
			if session != nil {
				out.List = append(out.List, store.Revocation{SessionID: *session, At: instant(ended)})
			}
			return err
		})
	})
	if err != nil || out.Next.Database == since.Database && out.Next.Position >= since.Position {
		return out, err
	}
	// What is read now is at least what there was when the new mark was made.
	out.Anew = true
	err = call(ctx, func(ctx context.Context) error {
		out.List = nil
		return s.indexed(ctx, `SELECT session_id, at FROM auth.session_revocations WHERE at >= $1`, []any{at(from)}, func(rows pgx.Rows) error {
			var (
				r     store.Revocation
				ended *time.Time
			)
			err := rows.Scan(&r.SessionID, &ended)
			r.At = instant(ended)
			out.List = append(out.List, r)
			return err
		})
	})
	return out, err
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	return call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `DELETE FROM auth.session_revocations WHERE at < $1`, at(before))
		return err
	})
}
