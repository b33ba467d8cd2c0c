package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

var (
	// insertSession stores a session and its first refresh token. The column
	// token has to hold something that is no token: see
	// docs/decisions/0010-postgresql.md.
	insertSession = named(`WITH opened AS (
			INSERT INTO auth.sessions (id, user_id, token, expires_at, created_at, updated_at, last_activity_at,
				revoked_at, remember_me, ip_address, user_agent, device_id, device_name, epoch)
			VALUES (@id::text, @user::text, 'mana:' || gen_random_uuid(), @expires, @created::timestamptz,
				@created::timestamptz, @active, @revoked, @remember, @ip, @agent, @device_id, @device_name,
				coalesce((SELECT session_epoch FROM auth.users WHERE id = @user::text), 0))
		)
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at) VALUES (@refresh, @id::text, @created::timestamptz)`)
	insertEvent = named(`INSERT INTO auth.security_events (` + eventColumns + `) VALUES (` + eventValues + `, @event_user::text)`)
)

// AddSession implements store.Tx.
func (t *tx) AddSession(s store.Session, refresh store.Digest) error {
	return t.queue(insertSession, pgx.NamedArgs{
		"id": s.ID, "user": s.UserID, "expires": at(s.ExpiresAt), "created": at(s.CreatedAt), "active": at(s.LastActivityAt),
		"revoked": at(s.RevokedAt), "remember": s.RememberMe, "ip": text(s.IPAddress), "agent": text(s.UserAgent),
		"device_id": text(s.DeviceID), "device_name": text(s.DeviceName), "refresh": refresh[:],
	})
}

// OldestSessions implements store.Tx.
func (t *tx) OldestSessions(userID string, limit int) (sessions []store.Session, err error) {
	t.queued.Queue(`SELECT `+sessionColumns+` FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id
		WHERE s.user_id = $1 AND s.revoked_at IS NULL ORDER BY s.created_at, s.id LIMIT $2`, userID, limit).
		Query(func(rows pgx.Rows) (err error) {
			sessions, err = pgx.AppendRows(sessions[:0], rows, sessionOf)
			return err
		})
	if err := t.send(); err != nil {
		return nil, err
	}
	return sessions, nil
}

// EndSessions implements store.Tx.
func (t *tx) EndSessions(which store.Ending) (ended []store.EndedSession, err error) {
	if which.All() {
		return t.endAll(which)
	}
	where, args, err := endingWhere(which)
	if err != nil {
		t.failed = err
		return nil, err
	}
	t.queued.Queue(`WITH `+ending(where)+` SELECT id, user_id FROM ended`, args).Query(func(rows pgx.Rows) (err error) {
		ended, err = pgx.AppendRows(ended, rows, pgx.RowToStructByPos[store.EndedSession])
		return err
	})
	if err := t.send(); err != nil {
		return nil, err
	}
	return ended, nil
}

// endingWhere is the condition on the sessions of which an Ending speaks. One
// that names none is an error, and not all that there are.
func endingWhere(e store.Ending) (where string, args pgx.NamedArgs, err error) {
	args = pgx.NamedArgs{"event_at": at(e.At)}
	add := func(is bool, condition, name string, value any) {
		if is {
			where += ` AND ` + condition
			args[name] = value
		}
	}
	add(e.SessionID != "", `id = @id`, "id", e.SessionID)
	add(e.Refresh != store.Digest{}, `id = (SELECT session_id FROM auth.refresh_tokens WHERE hash = @hash)`, "hash", e.Refresh[:])
	add(e.UserID != "", `user_id = @user`, "user", e.UserID)
	if where == "" {
		return "", nil, errors.New("postgres: an ending names no session")
	}
	return where[len(` AND `):], args, nil
}

// AddEvent implements store.Tx.
func (t *tx) AddEvent(e store.Event) error {
	args := pgx.NamedArgs{"event_user": text(e.UserID)}
	if err := eventArgs(args, e); err != nil {
		return err
	}
	return t.queue(insertEvent, args)
}
