package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// What purge deletes. Rows that another replica is deleting are its business:
// whoever deletes the last token of a session finds none left, and deletes the
// session. Tokens are looked for by session, so that no estimate of how many
// there are makes the planner collect all of them first.
const (
	purgeTokens = `DELETE FROM auth.refresh_tokens WHERE hash = ANY (ARRAY (
		SELECT t.hash FROM unnest(@ids::text[]) AS e (id) CROSS JOIN LATERAL (
			SELECT r.hash FROM auth.refresh_tokens r WHERE r.session_id = e.id LIMIT @limit FOR UPDATE SKIP LOCKED) t
		LIMIT @limit)) RETURNING hash`
	purgeSessions = `DELETE FROM auth.sessions WHERE id = ANY (ARRAY (
		SELECT s.id FROM auth.sessions s WHERE s.id = ANY (@ids::text[])
			AND NOT EXISTS (SELECT 1 FROM auth.refresh_tokens t WHERE t.session_id = s.id)
		LIMIT @limit FOR UPDATE SKIP LOCKED)) RETURNING id`
)

// SessionEnds implements store.Retention.
func (s *Store) SessionEnds(ctx context.Context, after string, limit int) (ends []store.SessionEnd, err error) {
	err = call(ctx, func(ctx context.Context) error {
		ends = ends[:0]
		return s.indexed(ctx, `SELECT s.id, s.expires_at, CASE WHEN s.refresh_token IS NOT NULL THEN s.refresh_token_expires_at END, `+revokedAt+`
			FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE s.id > $1 ORDER BY s.id LIMIT $2`, []any{after, limit}, func(rows pgx.Rows) error {
			var (
				end                           store.SessionEnd
				expires, refreshable, revoked pgtype.Timestamptz
			)
			err := rows.Scan(&end.ID, &expires, &refreshable, &revoked)
			end.ExpiresAt, end.RefreshableUntil, end.RevokedAt = bounded(expires), bounded(refreshable), bounded(revoked)
			ends = append(ends, end)
			return err
		})
	})
	return ends, err
}

// bounded reads an instant that the existing service may have set to infinity:
// one such row would keep the purge from all behind it.
func bounded(t pgtype.Timestamptz) time.Time {
	switch {
	case !t.Valid:
		return time.Time{}
	case t.InfinityModifier == pgtype.Infinity:
		return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	case t.InfinityModifier == pgtype.NegativeInfinity:
		return time.Unix(0, 0).UTC()
	}
	return millisecond(t.Time)
}

// DropSessions implements store.Retention. The tokens go before the session
// and not by its cascade: a session of half a year may have very many.
func (s *Store) DropSessions(ctx context.Context, ids []string, limit int) (dropped int, err error) {
	args := pgx.NamedArgs{"ids": ids, "limit": limit}
	for n := limit; n == limit; {
		if n, err = s.purge(ctx, purgeTokens, args); err != nil {
			return 0, err
		}
	}
	for n := limit; n == limit; {
		if n, err = s.purge(ctx, purgeSessions, args); err != nil {
			return dropped, err
		}
		dropped += n
	}
	return dropped, nil
}

// forgetAtOnce is how many rows a statement deletes that are not needed any
// more. However many there are, none of its statements comes to its time limit.
const forgetAtOnce = 1000

// forget runs a statement until it deletes fewer than @limit rows. What it has
// deleted stays so, whatever becomes of the rest.
func (s *Store) forget(ctx context.Context, statement string, args pgx.NamedArgs) error {
	args["limit"] = forgetAtOnce
	for {
		if n, err := s.purge(ctx, statement, args); err != nil || n < forgetAtOnce {
			return err
		}
	}
}

// purge runs a statement and says how many rows it deleted.
func (s *Store) purge(ctx context.Context, statement string, args pgx.NamedArgs) (deleted int, err error) {
	err = call(ctx, func(ctx context.Context) error {
		deleted = 0
		return s.indexed(ctx, statement, []any{args}, func(pgx.Rows) error {
			deleted++
			return nil
		})
	})
	return deleted, err
}
