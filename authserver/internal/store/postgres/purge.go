package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// over is the condition on sessions that ended before an instant. One that the
// existing service refreshed lives for as long as the token it got then. NULL
// is neither the least nor the greatest.
const over = `LEAST(s.revoked_at, GREATEST(s.expires_at,
	CASE WHEN s.refresh_token IS NOT NULL THEN s.refresh_token_expires_at END)) < @before`

const lookedAt = `SELECT s.id, ` + over + ` FROM auth.sessions s WHERE s.id > @after ORDER BY s.id LIMIT @limit`

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

// PurgeSessions implements store.Retention.
func (s *Store) PurgeSessions(ctx context.Context, before time.Time, after string, limit int) (next string, purged int, err error) {
	ended, next, err := s.lookAt(ctx, before, after, limit)
	if err != nil || len(ended) == 0 {
		return next, 0, err
	}
	purged, err = s.DropSessions(ctx, ended, limit)
	return next, purged, err
}

// SessionEnds implements store.Retention.
func (s *Store) SessionEnds(ctx context.Context, after string, limit int) (ends []store.SessionEnd, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id, expires_at, CASE WHEN refresh_token IS NOT NULL THEN refresh_token_expires_at END, revoked_at
			FROM auth.sessions WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		ends, err = pgx.AppendRows(ends[:0], rows, func(row pgx.CollectableRow) (end store.SessionEnd, err error) {
			var expires, refreshable, revoked pgtype.Timestamptz
			err = row.Scan(&end.ID, &expires, &refreshable, &revoked)
			end.ExpiresAt, end.RefreshableUntil, end.RevokedAt = bounded(expires), bounded(refreshable), bounded(revoked)
			return end, err
		})
		return err
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

// lookAt finds the sessions that are over among the next ones.
func (s *Store) lookAt(ctx context.Context, before time.Time, after string, limit int) (ended []string, next string, err error) {
	var looked int
	err = call(ctx, func(ctx context.Context) error {
		looked, ended = 0, nil
		rows, err := s.pool.Query(ctx, lookedAt, pgx.NamedArgs{"before": at(before), "after": after, "limit": limit})
		if err != nil {
			return err
		}
		var isOver bool
		_, err = pgx.ForEachRow(rows, []any{&next, &isOver}, func() error {
			looked++
			if isOver {
				ended = append(ended, next)
			}
			return nil
		})
		return err
	})
	if err != nil || looked < limit {
		next = ""
	}
	return ended, next, err
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
