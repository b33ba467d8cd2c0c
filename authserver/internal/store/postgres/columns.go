package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// at and text write what may be absent: the zero value is NULL.

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = millisecond(t)
	return &t
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// instant and value read it again.

func instant(t *time.Time) time.Time { return millisecond(value(t)) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// millisecond cuts t down to what a store keeps. Rows of the existing service
// have microseconds.
func millisecond(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// column is a parameter of unnest. A slice of pointers without the type of its
// own would be gone through by reflection.
func column[T, V any](rows []T, of func(*T) V) pgtype.FlatArray[V] {
	list := make(pgtype.FlatArray[V], len(rows))
	for i := range rows {
		list[i] = of(&rows[i])
	}
	return list
}

// texts is a parameter of unnest.
func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}

// userColumns are those of a user u. The existing service's column of the tier
// may be NULL.
const userColumns = `u.id, u.email, u.name, u.role::text, coalesce(u.access_tier::text, 'public'), u.email_verified,
	u.created_at, u.updated_at, u.deleted_at, u.disabled_at`

// userRow is where Scan puts userColumns.
type userRow struct {
	user                                store.User
	created, updated, deleted, disabled *time.Time
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

// sessionRow is where Scan puts sessionColumns. The existing service's rows
// may lack more than ours.
type sessionRow struct {
	session                            store.Session
	created, activity, expiry, revoked *time.Time
	remember                           *bool
	ip, agent, deviceID, deviceName    *string
}

func (r *sessionRow) into() []any {
	return []any{&r.session.ID, &r.session.UserID, &r.created, &r.activity, &r.expiry, &r.revoked,
		&r.remember, &r.ip, &r.agent, &r.deviceID, &r.deviceName}
}

func (r *sessionRow) get() store.Session {
	s := r.session
	s.CreatedAt, s.LastActivityAt = instant(r.created), instant(r.activity)
	s.ExpiresAt, s.RevokedAt = instant(r.expiry), instant(r.revoked)
	s.RememberMe = value(r.remember)
	s.IPAddress, s.UserAgent = value(r.ip), value(r.agent)
	s.DeviceID, s.DeviceName = value(r.deviceID), value(r.deviceName)
	return s
}

// sessionOf reads sessionColumns.
func sessionOf(row pgx.CollectableRow) (store.Session, error) {
	var session sessionRow
	err := row.Scan(session.into()...)
	return session.get(), err
}
