package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// dying is a session that is to go and, as far as it is not deleted, the chain
// of its refresh tokens.
type dying struct {
	id     string
	oldest []byte // the hash of the oldest token; nil: there is none
}

// SessionEnds implements store.Retention.
func (s *Store) SessionEnds(ctx context.Context, after string, limit int) ([]store.SessionEnd, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT s.id, s.expires_at, `+revokedAt+`
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id > ? ORDER BY s.id LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (end store.SessionEnd, err error) {
		var expires, revoked sql.NullInt64
		err = rows.Scan(&end.ID, &expires, &revoked)
		end.ExpiresAt, end.RevokedAt = instant(expires), instant(revoked)
		return end, err
	})
}

// DropSessions implements store.Retention. Tokens go one by one, the oldest
// first, because each refers to its successor, and before their session and not
// by its cascade: a session of half a year may have very many.
//
// There is one writer. After each transaction the others get as long as it took.
func (s *Store) DropSessions(ctx context.Context, ids []string, limit int) (dropped int, err error) {
	list, err := s.dying(ctx, ids)
	if err != nil {
		return 0, err
	}
	for len(list) > 0 {
		began := time.Now()
		var deleted int
		err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
			list, deleted, err = purge(ctx, tx, list, limit)
			return err
		})
		if err != nil {
			return dropped, err
		}
		dropped += deleted
		if err := pause(ctx, time.Since(began)); err != nil {
			return dropped, err
		}
	}
	return dropped, nil
}

// dying finds the oldest tokens of sessions. Those that are not there are left
// out.
func (s *Store) dying(ctx context.Context, ids []string) ([]dying, error) {
	list := make([]dying, 0, len(ids))
	for _, id := range ids {
		d := dying{id: id}
		err := s.read.QueryRowContext(ctx, `SELECT (SELECT hash FROM refresh_tokens t WHERE t.session_id = s.id
				AND NOT EXISTS (SELECT 1 FROM refresh_tokens p WHERE p.successor_hash = t.hash))
			FROM sessions s WHERE s.id = ?`, id).Scan(&d.oldest)
		switch {
		case err == nil:
			list = append(list, d)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return list, nil
}

// purge deletes at most limit tokens and sessions, in the order of list, of
// which it returns what is left, and how many sessions it deleted. A session of
// which another process deletes the tokens is left to that one.
func purge(ctx context.Context, tx *sql.Tx, list []dying, limit int) (left []dying, deleted int, err error) {
	for rows := 0; rows < limit && len(list) > 0; rows++ {
		d := &list[0]
		if d.oldest != nil {
			err := tx.QueryRowContext(ctx, `DELETE FROM refresh_tokens WHERE hash = ? RETURNING successor_hash`, d.oldest).Scan(&d.oldest)
			if errors.Is(err, sql.ErrNoRows) {
				list = list[1:]
			} else if err != nil {
				return nil, 0, err
			}
			continue
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, d.id)
		if err != nil {
			return nil, 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return nil, 0, err
		}
		deleted += int(n)
		list = list[1:]
	}
	return list, deleted, nil
}

// forgetAtOnce is how many rows a statement deletes that are not needed any more.
const forgetAtOnce = 1000

// forget runs a statement whose parameters are args and a limit, until it deletes
// fewer rows than that. What it has deleted stays so, whatever becomes of the
// rest, and after each statement the other writers get as long as it took.
func (s *Store) forget(ctx context.Context, statement string, args ...any) error {
	for {
		began := time.Now()
		result, err := s.write.ExecContext(ctx, statement, append(args, forgetAtOnce)...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil || n < forgetAtOnce {
			return err
		}
		if err := pause(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
