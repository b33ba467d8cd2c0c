package sqlite

import (
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// AddSession implements store.Tx.
func (t *tx) AddSession(s store.Session, refresh store.Digest) error {
	_, err := t.exec(`INSERT INTO sessions (id, user_id, expires_at, created_at, updated_at, last_activity_at,
			revoked_at, remember_me, ip_address, user_agent, device_id, device_name, epoch)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, coalesce((SELECT session_epoch FROM users WHERE id = ?2), 0))`,
		s.ID, s.UserID, millis(s.ExpiresAt), millis(s.CreatedAt), millis(s.CreatedAt), millis(s.LastActivityAt),
		millis(s.RevokedAt), s.RememberMe, text(s.IPAddress), text(s.UserAgent), text(s.DeviceID), text(s.DeviceName))
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES (?, ?, ?)`,
		refresh[:], s.ID, millis(s.CreatedAt))
	return err
}

// OldestSessions implements store.Tx.
func (t *tx) OldestSessions(userID string, limit int) ([]store.Session, error) {
	rows, err := t.sql.QueryContext(t.ctx, `SELECT `+sessionColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.user_id = ? AND s.revoked_at IS NULL ORDER BY s.created_at, s.id LIMIT ?`, userID, limit)
	if err != nil {
		return nil, t.note(err)
	}
	sessions, err := collect(rows, func() (store.Session, error) {
		var session sessionRow
		err := rows.Scan(session.into()...)
		return session.get(), err
	})
	return sessions, t.note(err)
}

// EndSessions implements store.Tx.
func (t *tx) EndSessions(which store.Ending) ([]store.EndedSession, error) {
	if which.All() {
		return t.endAll(which)
	}
	where, args, err := endingWhere(which)
	if err != nil {
		return nil, t.note(err)
	}
	now := millis(which.At)
	//nolint:gosec // G202: endingWhere chooses among fixed texts, and its values are arguments
	rows, err := t.sql.QueryContext(t.ctx, `UPDATE sessions SET revoked_at = ?, updated_at = ?
		WHERE revoked_at IS NULL AND epoch = (SELECT session_epoch FROM users u WHERE u.id = sessions.user_id)`+where+` RETURNING id, user_id`, append([]any{now, now}, args...)...)
	if err != nil {
		return nil, t.note(err)
	}
	ended, err := collect(rows, func() (e store.EndedSession, err error) {
		err = rows.Scan(&e.ID, &e.UserID)
		return e, err
	})
	if err != nil {
		return nil, t.note(err)
	}
	for _, e := range ended {
		if _, err := t.exec(`INSERT INTO session_revocations (session_id, at) VALUES (?, ?)`, e.ID, now); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// endingWhere is the condition on the sessions of which an Ending speaks. One
// that names none is an error, and not all that there are.
func endingWhere(e store.Ending) (where string, args []any, err error) {
	add := func(is bool, condition string, value any) {
		if is {
			where += ` AND ` + condition
			args = append(args, value)
		}
	}
	add(e.SessionID != "", `id = ?`, e.SessionID)
	add(e.Refresh != store.Digest{}, `id = (SELECT session_id FROM refresh_tokens WHERE hash = ?)`, e.Refresh[:])
	add(e.UserID != "", `user_id = ?`, e.UserID)
	if where == "" {
		return "", nil, errors.New("sqlite: an ending names no session")
	}
	return where, args, nil
}
