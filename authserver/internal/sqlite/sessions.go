package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session store.NewSession, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return createSession(ctx, tx, session, event) })
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
func (s *Store) RevokeSession(ctx context.Context, id string, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return revoke(ctx, tx, `id = ?`, id, event)
	})
}

// RevokeByRefreshToken implements store.Sessions.
func (s *Store) RevokeByRefreshToken(ctx context.Context, token store.Digest, event store.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return revoke(ctx, tx, `id = (SELECT session_id FROM refresh_tokens WHERE hash = ?)`, token[:], event)
	})
}

// revoke ends the session that where, a condition with one parameter, finds.
func revoke(ctx context.Context, tx *sql.Tx, where string, arg any, event store.Event) error {
	now := millis(event.CreatedAt)
	err := tx.QueryRowContext(ctx, `UPDATE sessions SET revoked_at = ?, updated_at = ?
		WHERE `+where+` AND revoked_at IS NULL RETURNING user_id`, now, now, arg).Scan(&event.UserID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return addEvent(ctx, tx, event)
}
