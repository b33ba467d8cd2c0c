package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// errMoving: the family changed under each look at it. What is looked at
// changes in one direction, from unspent over spent to revoked, so that more
// than two looks too late do not happen.
var errMoving = errors.New("postgres: the session changes too fast")

// Rotate implements store.Sessions. It reads, judges, and does what the
// verdict asks for in one statement, which holds the row of the session and
// has an effect only if what was judged is still so. If not, another call was
// first, and the token is judged anew. A client that only repeats itself
// waits for no lock.
func (s *Store) Rotate(ctx context.Context, r store.Rotation) (out store.Rotated, err error) {
	err = call(ctx, func(ctx context.Context) error {
		for range 4 {
			var done bool
			if out, done, err = s.rotate(ctx, r); done || err != nil {
				return err
			}
		}
		return errMoving
	})
	if err != nil {
		return store.Rotated{}, err
	}
	return out, nil
}

// rotate is one look; done is false where it came too late.
func (s *Store) rotate(ctx context.Context, r store.Rotation) (out store.Rotated, done bool, err error) {
	presented, sealed, err := s.present(ctx, r.Spent)
	if errors.Is(err, store.ErrNotFound) {
		return store.Rotated{}, true, nil
	}
	if err != nil {
		return store.Rotated{}, false, err
	}
	out = store.Rotated{
		Verdict: store.Judge(presented, r.Now, r.Grace),
		Session: presented.Session,
		User:    presented.User,
	}
	switch out.Verdict {
	case store.Renewed:
		out.Session.LastActivityAt = r.Now
		out.Session.ExpiresAt = r.Lifetimes.Expiry(out.Session, r.Now)
		done, err = s.renew(ctx, r, out.Session)
	case store.Repeated:
		out.Sealed, done = sealed, true
	case store.Reused:
		out.Session.RevokedAt = r.Reuse.CreatedAt
		var ended []string
		ended, err = s.revoke(ctx, r.Reuse, byID, pgx.NamedArgs{"id": out.Session.ID})
		done = len(ended) == 1
	default:
		done = true
	}
	return out, done, err
}

// present reads what is known of a refresh token, and its sealed successor.
func (s *Store) present(ctx context.Context, token store.Digest) (store.Presented, []byte, error) {
	var (
		session sessionRow
		user    userRow
		spentAt *time.Time
		sealed  []byte
		p       store.Presented
	)
	err := s.pool.QueryRow(ctx, `SELECT t.spent_at, t.sealed_successor, n.spent_at IS NOT NULL, `+sessionColumns+`, `+userColumns+`
		FROM auth.refresh_tokens t
		JOIN auth.sessions s ON s.id = t.session_id
		JOIN auth.users u ON u.id = s.user_id
		LEFT JOIN auth.refresh_tokens n ON n.hash = t.successor_hash
		WHERE t.hash = $1`, token[:]).
		Scan(append(append([]any{&spentAt, &sealed, &p.SuccessorSpent}, session.into()...), user.into()...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Presented{}, nil, store.ErrNotFound
	}
	if err != nil {
		return store.Presented{}, nil, err
	}
	p.SpentAt, p.Session, p.User = instant(spentAt), session.get(), user.get()
	return p, sealed, nil
}

// renewal spends the token presented and stores its successor, if the session
// is not revoked and the token not spent. The row of the session is locked
// first, as revoke does, so that the two cannot pass each other. What was
// sealed for the token before can no longer be asked for, and goes.
const renewal = `WITH live AS (
		SELECT s.id FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
		WHERE s.id = @session AND s.revoked_at IS NULL AND u.deleted_at IS NULL AND u.disabled_at IS NULL FOR UPDATE OF s
	), spent AS (
		UPDATE auth.refresh_tokens t SET spent_at = @now, successor_hash = @successor, sealed_successor = @sealed
		FROM live WHERE t.hash = @spent AND t.session_id = live.id AND t.spent_at IS NULL
		RETURNING t.session_id
	), stored AS (
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at)
		SELECT @successor::bytea, session_id, @now::timestamptz FROM spent
	), wiped AS (
		UPDATE auth.refresh_tokens SET sealed_successor = NULL
		WHERE successor_hash = @spent AND EXISTS (SELECT 1 FROM spent)
	)
	UPDATE auth.sessions s SET last_activity_at = @now, updated_at = @now, expires_at = @expires
	FROM spent WHERE s.id = spent.session_id`

// renew says whether it renewed: false where another call was first.
func (s *Store) renew(ctx context.Context, r store.Rotation, session store.Session) (bool, error) {
	tag, err := s.pool.Exec(ctx, renewal, pgx.NamedArgs{
		"session": session.ID, "spent": r.Spent[:], "successor": r.Successor[:], "sealed": r.Sealed,
		"now": at(r.Now), "expires": at(session.ExpiresAt),
	})
	return tag.RowsAffected() == 1, err
}
