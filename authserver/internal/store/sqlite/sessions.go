package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session store.NewSession, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		user, credential, err := credentialOf(ctx, tx, `u.id = ?2`, session.UserID)
		switch {
		case err != nil:
			return err
		case !user.Active(), session.PasswordHash != "" && session.PasswordHash != credential.PasswordHash,
			session.Role != "" && session.Role != user.Role:
			return store.ErrNotFound
		}
		return createSession(ctx, tx, session, event)
	})
}

func createSession(ctx context.Context, tx *sql.Tx, n store.NewSession, event store.Event) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at, last_activity_at,
			revoked_at, remember_me, ip_address, user_agent, device_id, device_name)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.UserID, millis(n.ExpiresAt), millis(n.CreatedAt), millis(n.CreatedAt), millis(n.LastActivityAt),
		millis(n.RevokedAt), n.RememberMe, text(n.IPAddress), text(n.UserAgent), text(n.DeviceID), text(n.DeviceName))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (?, ?, ?)`,
		n.Refresh[:], n.ID, millis(n.CreatedAt))
	if err != nil {
		return err
	}
	return addEvent(ctx, tx, event)
}

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

// RevokeSession implements store.Sessions.
func (s *Store) RevokeSession(ctx context.Context, id string, event store.Event) ([]string, error) {
	return s.revoke(ctx, event, `id = ?`, id)
}

// RevokeByRefreshToken implements store.Sessions.
func (s *Store) RevokeByRefreshToken(ctx context.Context, token store.Digest, event store.Event) ([]string, error) {
	return s.revoke(ctx, event, `id = (SELECT session_id FROM refresh_tokens WHERE hash = ?)`, token[:])
}

// LiveSessions implements store.UserSessions.
func (s *Store) LiveSessions(ctx context.Context, userID string, now time.Time, limit int) ([]store.Session, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+sessionColumns+` FROM sessions s
		WHERE s.user_id = ? AND s.revoked_at IS NULL AND s.expires_at > ?
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

// RevokeUserSession implements store.UserSessions.
func (s *Store) RevokeUserSession(ctx context.Context, userID, id string, event store.Event) ([]string, error) {
	return s.revoke(ctx, event, `id = ? AND user_id = ?`, id, userID)
}

// RevokeUserSessions implements store.UserSessions.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, event store.Event) ([]string, error) {
	return s.revoke(ctx, event, allBut, allButArgs(userID, except, event.CreatedAt)...)
}
