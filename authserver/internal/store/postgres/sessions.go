package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// openSession is the end of a statement that begins with WITH and an owner, one
// row or none: it stores a session, its first refresh token and an event. The
// column token has to hold something that is no token: see
// docs/decisions/0010-postgresql.md.
const openSession = `new_session AS (
		INSERT INTO auth.sessions (id, user_id, token, expires_at, created_at, updated_at, last_activity_at,
			revoked_at, remember_me, ip_address, user_agent, device_id, device_name)
		SELECT @session::text, id, 'mana:' || gen_random_uuid(), @expires::timestamptz, @created::timestamptz,
			@created::timestamptz, @active::timestamptz, @revoked::timestamptz, @remember::boolean, @ip::text, @agent::text,
			@device_id::text, @device_name::text FROM owner
	), new_token AS (
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at)
		SELECT @refresh::bytea, @session::text, @created::timestamptz FROM owner
	)
	INSERT INTO auth.security_events (` + eventColumns + `) SELECT ` + eventValues + `, @event_user::text FROM owner`

func openSessionArgs(n store.NewSession, e store.Event) (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{
		"session": n.ID, "user": n.UserID, "expires": at(n.ExpiresAt), "created": at(n.CreatedAt), "active": at(n.LastActivityAt),
		"revoked": at(n.RevokedAt), "remember": n.RememberMe, "ip": text(n.IPAddress), "agent": text(n.UserAgent),
		"device_id": text(n.DeviceID), "device_name": text(n.DeviceName), "refresh": n.Refresh[:], "event_user": text(e.UserID),
		"provider": credentialProvider, "password": n.PasswordHash, "session_role": n.Role,
	}
	return args, eventArgs(args, e)
}

// The owners of a new session: a user, with the password or without. The locks
// make the statement wait for one that changes the user or the password, and
// then look again; and they make that one wait for this session, to end it.
const (
	activeOwner = `owner AS (
		SELECT u.id FROM auth.users u
		WHERE u.id = @user AND u.deleted_at IS NULL AND u.disabled_at IS NULL AND (@session_role = '' OR u.role::text = @session_role)
		FOR SHARE OF u
	), `
	provenOwner = `owner AS (
		SELECT u.id FROM auth.users u JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = @provider
		WHERE u.id = @user AND u.deleted_at IS NULL AND u.disabled_at IS NULL AND (@session_role = '' OR u.role::text = @session_role)
			AND a.password = @password
		FOR SHARE OF u FOR SHARE OF a
	), `
)

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session store.NewSession, event store.Event) error {
	args, err := openSessionArgs(session, event)
	if err != nil {
		return err
	}
	owner := activeOwner
	if session.PasswordHash != "" {
		owner = provenOwner
	}
	return call(ctx, func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, `WITH `+owner+openSession, args)
		if err == nil && tag.RowsAffected() == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

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

// RevokeSession implements store.Sessions.
func (s *Store) RevokeSession(ctx context.Context, id string, event store.Event) ([]string, error) {
	return s.revokeCall(ctx, event, byID, pgx.NamedArgs{"id": id})
}

// RevokeByRefreshToken implements store.Sessions.
func (s *Store) RevokeByRefreshToken(ctx context.Context, token store.Digest, event store.Event) ([]string, error) {
	return s.revokeCall(ctx, event, `id = (SELECT session_id FROM auth.refresh_tokens WHERE hash = @hash)`, pgx.NamedArgs{"hash": token[:]})
}

// LiveSessions implements store.UserSessions.
func (s *Store) LiveSessions(ctx context.Context, userID string, now time.Time, limit int) (sessions []store.Session, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT `+sessionColumns+` FROM auth.sessions s
			WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2
			ORDER BY s.last_activity_at DESC NULLS LAST, s.id DESC LIMIT $3`, userID, at(now), limit)
		if err != nil {
			return err
		}
		sessions, err = pgx.AppendRows(sessions[:0], rows, func(row pgx.CollectableRow) (store.Session, error) {
			var session sessionRow
			err := row.Scan(session.into()...)
			return session.get(), err
		})
		return err
	})
	return sessions, err
}

// RevokeUserSession implements store.UserSessions.
func (s *Store) RevokeUserSession(ctx context.Context, userID, id string, event store.Event) ([]string, error) {
	return s.revokeCall(ctx, event, byID+` AND user_id = @user`, pgx.NamedArgs{"id": id, "user": userID})
}

// RevokeUserSessions implements store.UserSessions.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, event store.Event) ([]string, error) {
	return s.revokeCall(ctx, event, allBut, allButArgs(userID, except, event.CreatedAt))
}
