package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// openSession is the end of a statement that begins with WITH: it stores a
// session, its first refresh token and an event. The column token has to hold
// something that is no token: see docs/decisions/0010-postgresql.md.
const openSession = `new_session AS (
		INSERT INTO auth.sessions (id, user_id, token, expires_at, created_at, updated_at, last_activity_at,
			revoked_at, remember_me, ip_address, user_agent, device_id, device_name)
		VALUES (@session, @user, 'mana:' || gen_random_uuid(), @expires, @created, @created, @active,
			@revoked, @remember, @ip, @agent, @device_id, @device_name)
	), new_token AS (
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at) VALUES (@refresh, @session, @created)
	)
	INSERT INTO auth.security_events (` + eventColumns + `) VALUES (` + eventValues + `, @event_user)`

func openSessionArgs(n store.NewSession, e store.Event) (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{
		"session": n.ID, "user": n.UserID, "expires": at(n.ExpiresAt), "created": at(n.CreatedAt), "active": at(n.LastActivityAt),
		"revoked": at(n.RevokedAt), "remember": n.RememberMe, "ip": text(n.IPAddress), "agent": text(n.UserAgent),
		"device_id": text(n.DeviceID), "device_name": text(n.DeviceName), "refresh": n.Refresh[:], "event_user": text(e.UserID),
	}
	return args, eventArgs(args, e)
}

// CreateSession implements store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session store.NewSession, event store.Event) error {
	args, err := openSessionArgs(session, event)
	if err != nil {
		return err
	}
	return call(ctx, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `WITH `+openSession, args)
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
func (s *Store) RevokeSession(ctx context.Context, id string, event store.Event) error {
	return call(ctx, func(ctx context.Context) error {
		_, err := s.revoke(ctx, `id = @which`, id, event)
		return err
	})
}

// RevokeByRefreshToken implements store.Sessions.
func (s *Store) RevokeByRefreshToken(ctx context.Context, token store.Digest, event store.Event) error {
	return call(ctx, func(ctx context.Context) error {
		_, err := s.revoke(ctx, `id = (SELECT session_id FROM auth.refresh_tokens WHERE hash = @which)`, token[:], event)
		return err
	})
}

// revoke ends the session that where, a condition on @which, finds, and says
// whether it did: false where there is none or another call was first.
func (s *Store) revoke(ctx context.Context, where string, which any, event store.Event) (bool, error) {
	args := pgx.NamedArgs{"which": which}
	if err := eventArgs(args, event); err != nil {
		return false, err
	}
	tag, err := s.pool.Exec(ctx, `WITH ended AS (
			UPDATE auth.sessions SET revoked_at = @event_at, updated_at = @event_at
			WHERE `+where+` AND revoked_at IS NULL RETURNING user_id
		)
		INSERT INTO auth.security_events (`+eventColumns+`) SELECT `+eventValues+`, user_id FROM ended`, args)
	return tag.RowsAffected() == 1, err
}
