package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Rotate implements store.Sessions, in one transaction. Without it no token has
// an answer.
func (s *Store) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	out := make([]store.Rotated, len(rotations))
	err := s.inBatch(ctx, func(tx *sql.Tx) error {
		for i, r := range rotations {
			var err error
			if out[i], err = rotate(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for i := range out {
			out[i] = store.Rotated{Err: err}
		}
	}
	return out
}

func rotate(ctx context.Context, tx *sql.Tx, r store.Rotation) (store.Rotated, error) {
	presented, sealed, err := present(ctx, tx, r.Spent)
	if errors.Is(err, store.ErrNotFound) {
		return store.Rotated{}, nil
	}
	if err != nil {
		return store.Rotated{}, err
	}
	decision := r.Judge(presented)
	out := store.Rotated{
		Verdict: decision.Verdict,
		Session: presented.Session,
		User:    presented.User,
	}
	switch out.Verdict {
	case store.Renewed:
		out.Session.LastActivityAt, out.Session.ExpiresAt = r.Now, decision.ExpiresAt
		err = renew(ctx, tx, r, out.Session)
	case store.Repeated:
		out.Sealed = sealed
	}
	return out, err
}

// present reads what is known of a refresh token, and its sealed successor.
func present(ctx context.Context, tx *sql.Tx, token store.Digest) (store.Presented, []byte, error) {
	var (
		session sessionRow
		user    userRow
		spentAt sql.NullInt64
		sealed  []byte
		p       store.Presented
	)
	err := tx.QueryRowContext(ctx, `SELECT t.spent_at, t.sealed_successor, n.spent_at IS NOT NULL, `+sessionColumns+`, `+userColumns+`
		FROM refresh_tokens t
		JOIN sessions s ON s.id = t.session_id
		JOIN users u ON u.id = s.user_id
		LEFT JOIN refresh_tokens n ON n.hash = t.successor_hash
		WHERE t.hash = ?`, token[:]).
		Scan(append(append([]any{&spentAt, &sealed, &p.SuccessorSpent}, session.into()...), user.into()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Presented{}, nil, store.ErrNotFound
	}
	if err != nil {
		return store.Presented{}, nil, err
	}
	p.SpentAt, p.Session, p.User = instant(spentAt), session.get(), user.get()
	return p, sealed, nil
}

// renew spends the token presented and stores its successor. What was sealed
// for the token before it can no longer be asked for, and goes.
func renew(ctx context.Context, tx *sql.Tx, r store.Rotation, session store.Session) error {
	now := millis(r.Now)
	for _, step := range []struct {
		query string
		args  []any
	}{
		{`UPDATE refresh_tokens SET spent_at = ?, successor_hash = ?, sealed_successor = ? WHERE hash = ?`,
			[]any{now, r.Successor[:], r.Sealed, r.Spent[:]}},
		{`INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (?, ?, ?)`,
			[]any{r.Successor[:], session.ID, now}},
		{`UPDATE refresh_tokens SET sealed_successor = NULL WHERE successor_hash = ?`,
			[]any{r.Spent[:]}},
		{`UPDATE sessions SET last_activity_at = ?, updated_at = ?, expires_at = ? WHERE id = ?`,
			[]any{now, now, millis(session.ExpiresAt), session.ID}},
	} {
		if _, err := tx.ExecContext(ctx, step.query, step.args...); err != nil {
			return err
		}
	}
	return nil
}
