package sqlite

import (
	"database/sql"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// millis and text write what may be absent: the zero value is NULL.

func millis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func text(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func instant(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

const userColumns = `u.id, u.email, u.name, u.role, u.access_tier, u.email_verified, u.created_at, u.updated_at, u.deleted_at, u.disabled_at`

// userRow is where Scan puts userColumns.
type userRow struct {
	user                                store.User
	created, updated, deleted, disabled sql.NullInt64
}

func (r *userRow) into() []any {
	return []any{&r.user.ID, &r.user.Email, &r.user.Name, &r.user.Role, &r.user.Tier, &r.user.EmailVerified, &r.created, &r.updated, &r.deleted, &r.disabled}
}

func (r *userRow) get() store.User {
	u := r.user
	u.CreatedAt, u.UpdatedAt = instant(r.created), instant(r.updated)
	u.DeletedAt, u.DisabledAt = instant(r.deleted), instant(r.disabled)
	return u
}

// revokedAt is when a session s of a user u ended before its time. What ended
// all sessions of the user may not have come to the row of each yet.
const revokedAt = `coalesce(s.revoked_at, CASE WHEN s.epoch < u.session_epoch THEN u.sessions_ended_at END)`

// sessionColumns are those of a session s of a user u.
const sessionColumns = `s.id, s.user_id, s.created_at, s.last_activity_at, s.expires_at, ` + revokedAt + `,
	s.remember_me, s.ip_address, s.user_agent, s.device_id, s.device_name`

// sessionRow is where Scan puts sessionColumns.
type sessionRow struct {
	session                            store.Session
	created, activity, expiry, revoked sql.NullInt64
	ip, agent, deviceID, deviceName    sql.NullString
}

func (r *sessionRow) into() []any {
	return []any{&r.session.ID, &r.session.UserID, &r.created, &r.activity, &r.expiry, &r.revoked,
		&r.session.RememberMe, &r.ip, &r.agent, &r.deviceID, &r.deviceName}
}

func (r *sessionRow) get() store.Session {
	s := r.session
	s.CreatedAt, s.LastActivityAt = instant(r.created), instant(r.activity)
	s.ExpiresAt, s.RevokedAt = instant(r.expiry), instant(r.revoked)
	s.IPAddress, s.UserAgent = r.ip.String, r.agent.String
	s.DeviceID, s.DeviceName = r.deviceID.String, r.deviceName.String
	return s
}
