package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Session implements store.Sessions.
func (s *Store) Session(ctx context.Context, id string) (store.Session, store.User, error) {
	var (
		session sessionRow
		user    userRow
	)
	err := s.read.QueryRowContext(ctx, `SELECT `+sessionColumns+`, `+userColumns+`
		FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ?`, id).
		Scan(append(session.into(), user.into()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Session{}, store.User{}, store.ErrNotFound
	}
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return session.get(), user.get(), nil
}

// LiveSessions implements store.Sessions.
func (s *Store) LiveSessions(ctx context.Context, userID string, now time.Time, limit int) ([]store.Session, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+sessionColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.user_id = ? AND s.revoked_at IS NULL AND s.epoch = u.session_epoch AND s.expires_at > ?
		ORDER BY s.last_activity_at DESC, s.rowid DESC LIMIT ?`, userID, millis(now), limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (store.Session, error) {
		var session sessionRow
		err := rows.Scan(session.into()...)
		return session.get(), err
	})
}
