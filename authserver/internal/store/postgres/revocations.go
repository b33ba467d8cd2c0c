package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
// the mark was made: those that had not begun, from $2 on, and those that were
// under way, $3. So each row is read once, however long its transaction took and
// whatever order transactions committed in. A server that was started anew, or a
// standby in its place, has another start time; its numbers may be those of
// transactions that were lost.
const readRevocations = `SELECT i.id, pg_snapshot_xmax(i.snapshot)::text::bigint,
		ARRAY (SELECT x::text::bigint FROM pg_snapshot_xip(i.snapshot) x), i.now, r.session_id, r.at
	FROM (SELECT (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || extract(epoch FROM pg_postmaster_start_time()) AS id,
			pg_current_snapshot() AS snapshot, clock_timestamp() AS now) i
	LEFT JOIN LATERAL (
		SELECT v.session_id, v.at FROM auth.session_revocations v WHERE i.id = $1 AND v.xid >= $2
		UNION ALL
		SELECT v.session_id, v.at FROM auth.session_revocations v WHERE i.id = $1 AND v.xid = ANY($3::bigint[]) AND v.xid < $2
	) r ON true`

// snapshot is the position of a store.Mark.
type snapshot struct {
	next     int64   // the first transaction that had not begun
	underWay []int64 // those before it that had not ended
}

func (s snapshot) String() string {
	text := strconv.AppendInt(nil, s.next, 10)
	for _, id := range s.underWay {
		text = strconv.AppendInt(append(text, ','), id, 10)
	}
	return string(text)
}

func parseSnapshot(position string) (s snapshot, err error) {
	if position == "" {
		return s, nil
	}
	for i, text := range strings.Split(position, ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return s, fmt.Errorf("postgres: no mark of this store: %w", err)
		}
		if i == 0 {
			s.next = id
		} else {
			s.underWay = append(s.underWay, id)
		}
	}
	return s, nil
}

// Revocations implements store.Revocations.
func (s *Store) Revocations(ctx context.Context, since store.Mark, from time.Time) (out store.RevocationPage, err error) {
	before, err := parseSnapshot(since.Position)
	if err != nil {
		return out, err
	}
	var now snapshot
	err = call(ctx, func(ctx context.Context) error {
		out = store.RevocationPage{}
		return s.indexed(ctx, readRevocations, []any{since.Database, before.next, before.underWay}, func(rows pgx.Rows) error {
			var (
				session *string
				ended   *time.Time
			)
			err := rows.Scan(&out.Next.Database, &now.next, &now.underWay, &out.Now, &session, &ended)
			if session != nil {
				out.List = append(out.List, store.Revocation{SessionID: *session, At: instant(ended)})
			}
			return err
		})
	})
	out.Next.Position = now.String()
	if err != nil || out.Next.Database == since.Database && now.next >= before.next {
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

const forgetRevocations = `DELETE FROM auth.session_revocations WHERE seq = ANY (ARRAY (
	SELECT seq FROM auth.session_revocations WHERE at < @before LIMIT @limit FOR UPDATE SKIP LOCKED)) RETURNING seq`

// ForgetRevocations implements store.Revocations.
func (s *Store) ForgetRevocations(ctx context.Context, before time.Time) error {
	return s.forget(ctx, forgetRevocations, pgx.NamedArgs{"before": at(before)})
}
