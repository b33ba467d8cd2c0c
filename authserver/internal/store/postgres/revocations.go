package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Conditions on the sessions that a statement ends.
const (
	byID = `id = @id`
	// allBut takes all sessions of a user but one that live or may be renewed.
	allBut = `user_id = @user AND id <> @keep AND expires_at > @renewable`
)

func allButArgs(userID, keep string, now time.Time) pgx.NamedArgs {
	return pgx.NamedArgs{"user": userID, "keep": keep, "renewable": at(now.Add(-store.Overtime))}
}

// ending is the part of a statement that ends the sessions which where, a
// condition, finds and which were not revoked before. Their rows are locked in
// the order in which renewals lock theirs, so that the two wait for each other
// and never in a circle.
func ending(where string) string {
	return `found AS (
		SELECT id FROM auth.sessions WHERE revoked_at IS NULL AND ` + where + ` ORDER BY id FOR UPDATE
	), ended AS (
		UPDATE auth.sessions s SET revoked_at = @event_at::timestamptz, updated_at = @event_at::timestamptz
		FROM found WHERE s.id = found.id AND s.revoked_at IS NULL RETURNING s.id, s.user_id
	), noted AS (
		INSERT INTO auth.session_revocations (session_id, at) SELECT id, @event_at::timestamptz FROM ended
	)`
}

func (s *Store) revokeCall(ctx context.Context, event store.Event, where string, args pgx.NamedArgs) (ended []string, err error) {
	err = call(ctx, func(ctx context.Context) error {
		ended, err = s.revoke(ctx, event, where, args)
		return err
	})
	return ended, err
}

// revoke ends sessions of one user and writes the event if it ended any: not
// where there is none or another call was first.
func (s *Store) revoke(ctx context.Context, event store.Event, where string, args pgx.NamedArgs) ([]string, error) {
	if err := eventArgs(args, event); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `WITH `+ending(where)+`, told AS (
			INSERT INTO auth.security_events (`+eventColumns+`)
			SELECT `+eventValues+`, user_id FROM (SELECT DISTINCT user_id FROM ended) AS owner
		)
		SELECT id FROM ended`, args)
	if err != nil {
		return nil, err
	}
	return pgx.AppendRows([]string(nil), rows, pgx.RowTo[string])
}

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, after int64) (list []store.Revocation, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT seq, session_id FROM auth.session_revocations WHERE seq > $1 ORDER BY seq`, after)
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
