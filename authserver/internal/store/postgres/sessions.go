package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Session implements store.Sessions.
func (s *Store) Session(ctx context.Context, id string) (store.Session, store.User, error) {
	var (
		session sessionRow
		user    userRow
	)
	err := call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT `+sessionColumns+`, `+userColumns+`
			FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE s.id = $1`, id).
			Scan(append(session.into(), user.into()...)...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Session{}, store.User{}, store.ErrNotFound
	}
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return session.get(), user.get(), nil
}

// LiveSessions implements store.Sessions.
func (s *Store) LiveSessions(ctx context.Context, userID string, now time.Time, limit int) (sessions []store.Session, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT `+sessionColumns+` FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
			WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.epoch = u.session_epoch AND s.expires_at > $2
			ORDER BY s.last_activity_at DESC NULLS LAST, s.id DESC LIMIT $3`, userID, at(now), limit)
		if err != nil {
			return err
		}
		sessions, err = pgx.AppendRows(sessions[:0], rows, sessionOf)
		return err
	})
	return sessions, err
}
