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
// and never in a circle.
func ending(where string) string {
	return `found AS (
		SELECT id FROM auth.sessions s WHERE revoked_at IS NULL AND ` + where + `
			AND epoch = (SELECT session_epoch FROM auth.users u WHERE u.id = s.user_id) ORDER BY id FOR UPDATE
	), ended AS (
		UPDATE auth.sessions s SET revoked_at = @event_at::timestamptz, updated_at = @event_at::timestamptz
		FROM found WHERE s.id = found.id AND s.revoked_at IS NULL RETURNING s.id, s.user_id
	), noted AS (
		INSERT INTO auth.session_revocations (session_id, at) SELECT id, @event_at::timestamptz FROM ended
	)`
}

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, after int64) (list []store.Revocation, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT seq, session_id, at FROM auth.session_revocations WHERE seq > $1 ORDER BY seq`, after)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows(list[:0], rows, pgx.RowToStructByPos[store.Revocation])
		return err
	})
	return list, err
}

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	return call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `DELETE FROM auth.session_revocations WHERE at < $1`, at(before))
		return err
	})
}
