package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// looks is how often tokens are read and judged at most. Only an unspent token is
// written to, and a spent one never becomes unspent again. So a token is judged
// too late once at most, and gives way once at most to another token of its
// session.
const looks = 3

// errMoving means that a session changed between every reading and its renewal.
var errMoving = errors.New("postgres: the session changes too fast")

// rotation is a question and the place for its answer.
type rotation struct {
	store.Rotation
	out *store.Rotated
}

// held answers that another transaction holds the session.
func (r rotation) held() { *r.out = store.Rotated{Err: errHeldSession} }

// presented is what is known of a token, and its sealed successor.
type presented struct {
	store.Presented
	sealed []byte
}

// Rotate implements store.Sessions. It reads, judges, and renews in a statement
// that holds the rows of the sessions and has an effect on those alone that are
// still as they were judged. On the others another call was first, and their
// tokens are judged anew. It waits for no session that another transaction holds:
// its tokens get groupcommit.ErrHeld.
func (s *Store) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	out := make([]store.Rotated, len(rotations))
	open := make([]rotation, len(rotations))
	for i, r := range rotations {
		open[i] = rotation{r, &out[i]}
	}
	open, err := s.judge(ctx, open)
	for _, r := range open {
		*r.out = store.Rotated{Err: rejection(err)}
	}
	return out
}

// judge looks at tokens until none is open. With an error it returns those that
// still are; what was done for others stays done, and is not tried again.
func (s *Store) judge(ctx context.Context, open []rotation) ([]rotation, error) {
	err := call(ctx, func(ctx context.Context) (err error) {
		for range looks {
			if open, err = s.look(ctx, open); err != nil || len(open) == 0 {
				return err
			}
		}
		return errMoving
	})
	return open, err
}

// look looks at tokens once and returns those that are still open.
func (s *Store) look(ctx context.Context, asked []rotation) (open []rotation, err error) {
	known, err := s.present(ctx, asked)
	if err != nil {
		return asked, err
	}
	var renewals, givesWay, repeated []rotation
	taken := map[string]bool{} // sessions that a token renews
	for _, r := range asked {
		p, found := known[r.Spent]
		if !found {
			*r.out = store.Rotated{}
			continue
		}
		decision := r.Judge(p.Presented)
		*r.out = store.Rotated{Verdict: decision.Verdict, Session: p.Session, User: p.User}
		switch {
		case decision.Verdict == store.Repeated:
			r.out.Sealed = p.sealed
			repeated = append(repeated, r)
		case decision.Verdict != store.Renewed:
		case taken[p.Session.ID]:
			givesWay = append(givesWay, r)
		default:
			r.out.Session.LastActivityAt, r.out.Session.ExpiresAt = r.Now, decision.ExpiresAt
			renewals = append(renewals, r)
			taken[p.Session.ID] = true
		}
	}
	renewed, err := s.renew(ctx, renewals)
	if err != nil {
		return slices.Concat(renewals, givesWay, repeated), err
	}
	for n, r := range slices.Concat(renewals, givesWay) {
		switch done, locked := renewed[r.out.Session.ID]; {
		case !locked:
			r.held()
		case !done || n >= len(renewals):
			open = append(open, r)
		}
	}
	if err := s.confirm(ctx, repeated); err != nil {
		return append(open, repeated...), err
	}
	return open, nil
}

// confirm waits until what repeated tokens report is as safe as what was said
// first: a lock of the session's row is committed only once a synchronous
// standby has everything before it, and the renewal is before it.
func (s *Store) confirm(ctx context.Context, repeated []rotation) error {
	if len(repeated) == 0 {
		return nil
	}
	ids := column(repeated, func(r *rotation) string { return r.out.Session.ID })
	locked := make(map[string]bool, len(ids))
	err := s.indexed(ctx, confirmation, []any{ids}, func(rows pgx.Rows) error {
		var id string
		err := rows.Scan(&id)
		locked[id] = true
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range repeated {
		if !locked[r.out.Session.ID] {
			r.held()
		}
	}
	return nil
}

const confirmation = `SELECT id FROM auth.sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED`

// errHeldSession: another transaction holds the session's row.
var errHeldSession = fmt.Errorf("postgres: session: %w", groupcommit.ErrHeld)

// present reads what is known of refresh tokens.
func (s *Store) present(ctx context.Context, asked []rotation) (map[store.Digest]presented, error) {
	hashes := column(asked, func(r *rotation) []byte { return r.Spent[:] })
	known := make(map[store.Digest]presented, len(asked))
	err := s.indexed(ctx, presentation, []any{hashes}, func(rows pgx.Rows) error {
		var (
			hash    []byte
			session sessionRow
			user    userRow
			spentAt *time.Time
			p       presented
		)
		err := rows.Scan(append(append([]any{&hash, &spentAt, &p.sealed, &p.SuccessorSpent}, session.into()...), user.into()...)...)
		if err != nil {
			return err
		}
		p.SpentAt, p.Session, p.User = instant(spentAt), session.get(), user.get()
		known[store.Digest(hash)] = p // hash is of that length: a CHECK
		return nil
	})
	return known, err
}

const presentation = `SELECT t.hash, t.spent_at, t.sealed_successor, n.spent_at IS NOT NULL, ` + sessionColumns + `, ` + userColumns + `
	FROM auth.refresh_tokens t
	JOIN auth.sessions s ON s.id = t.session_id
	JOIN auth.users u ON u.id = s.user_id
	LEFT JOIN auth.refresh_tokens n ON n.hash = t.successor_hash
	WHERE t.hash = ANY($1)`

// renewal spends tokens and stores their successors, where the session is not
// revoked and the token not spent. The rows of the sessions are locked first, as
// EndSessions does, so that the two cannot pass each other; those that another
// transaction holds are passed over. It answers each session that it locked, and
// whether it was renewed. What was sealed for the token before can no longer be
// asked for, and goes.
const renewal = `WITH asked AS (
		SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
			AS a (session_id, spent, successor, sealed, now, expires)
	), locked AS (
		SELECT s.id, s.revoked_at IS NULL AND s.epoch = u.session_epoch AND u.deleted_at IS NULL AND u.disabled_at IS NULL AS live
		FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
		WHERE s.id = ANY($1) ORDER BY s.id FOR UPDATE OF s SKIP LOCKED
	), spent AS (
		UPDATE auth.refresh_tokens t SET spent_at = a.now, successor_hash = a.successor, sealed_successor = a.sealed
		FROM locked l JOIN asked a ON a.session_id = l.id
		WHERE l.live AND t.hash = a.spent AND t.session_id = l.id AND t.spent_at IS NULL
		RETURNING a.*
	), stored AS (
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at) SELECT successor, session_id, now FROM spent
	), wiped AS (
		UPDATE auth.refresh_tokens t SET sealed_successor = NULL FROM spent WHERE t.successor_hash = spent.spent
	), renewed AS (
		UPDATE auth.sessions s SET last_activity_at = spent.now, updated_at = spent.now, expires_at = spent.expires
		FROM spent WHERE s.id = spent.session_id RETURNING s.id
	)
	SELECT l.id, r.id IS NOT NULL FROM locked l LEFT JOIN renewed r ON r.id = l.id`

// renew renews sessions. renewed has those that it could lock, and says of each
// whether it was renewed, or another call was first.
func (s *Store) renew(ctx context.Context, renewals []rotation) (renewed map[string]bool, err error) {
	if len(renewals) == 0 {
		return nil, nil
	}
	renewed = make(map[string]bool, len(renewals))
	err = s.indexed(ctx, renewal, []any{
		column(renewals, func(r *rotation) string { return r.out.Session.ID }),
		column(renewals, func(r *rotation) []byte { return r.Spent[:] }),
		column(renewals, func(r *rotation) []byte { return r.Successor[:] }),
		column(renewals, func(r *rotation) []byte { return r.Sealed }),
		column(renewals, func(r *rotation) *time.Time { return at(r.Now) }),
		column(renewals, func(r *rotation) *time.Time { return at(r.out.Session.ExpiresAt) }),
	}, func(rows pgx.Rows) error {
		var (
			id   string
			done bool
		)
		err := rows.Scan(&id, &done)
		renewed[id] = done
		return err
	})
	return renewed, err
}
