package store

import (
	"context"
	"errors"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// The errors that callers tell apart. Every other error means that the
// database could not answer.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrEmailTaken: another user, perhaps a deleted one, has the address.
	ErrEmailTaken = errors.New("store: e-mail taken")
)

// Users finds users by their credentials and stores new ones.
type Users interface {
	// CreateUser stores a user, the credential, the first session and the
	// event, all or nothing. ErrEmailTaken where the address is in use.
	CreateUser(ctx context.Context, user User, credential Credential, session NewSession, event Event) error

	// CredentialByEmail finds an active user and the password hash.
	// ErrNotFound where there is none.
	CredentialByEmail(ctx context.Context, email string) (User, Credential, error)

	// UserByEmail finds a user, active or not, by the e-mail address in its
	// stored form, and the password; a zero Credential where there is none.
	// ErrNotFound where there is no such user.
	UserByEmail(ctx context.Context, email string) (User, Credential, error)

	// UserByID is UserByEmail by the user's id.
	UserByID(ctx context.Context, id string) (User, Credential, error)
}

// Accounts changes users. Each change is made as a whole, with its event, and
// ends the user's sessions, whose ids are returned.
type Accounts interface {
	// Credential finds an active user by id, and the password hash.
	// ErrNotFound where there is none.
	Credential(ctx context.Context, userID string) (User, Credential, error)

	// ChangePassword replaces a password hash. ErrNotFound where the user is
	// not active, has no password or not the one that the change names.
	ChangePassword(ctx context.Context, change PasswordChange) (ended []string, err error)

	// ChangeUser applies a change to a user who is not deleted and returns
	// the user as it is then. A change that changes nothing ends no session
	// and writes no event. ErrNotFound where there is no such user.
	ChangeUser(ctx context.Context, id string, change Change, event Event) (user User, ended []string, err error)
}

// Directory lists users and adds to them, for an operator.
type Directory interface {
	// AddUser stores a user, the credential and the event, all or nothing.
	// ErrEmailTaken where the address is in use.
	AddUser(ctx context.Context, user User, credential Credential, event Event) error

	// FindUser finds a user, deleted or not, by id or by e-mail address in
	// its stored form. ErrNotFound where there is none.
	FindUser(ctx context.Context, idOrEmail string) (User, error)

	// ListUsers lists users, deleted or not, by id in the database's order,
	// at most limit of those behind the id after; empty: from the first.
	ListUsers(ctx context.Context, after string, limit int) ([]User, error)
}

// NewSession is a session and the digest of its first refresh token.
type NewSession struct {
	Session
	Refresh Digest
	// PasswordHash is the one that the login found right: the session is
	// stored only if it is still the user's. Empty: no password was asked.
	PasswordHash string
	// Role is the one that the session's access token will name: likewise.
	// Empty: whichever.
	Role string
}

// Sessions keeps sessions and their refresh tokens. What revokes returns the
// ids of the sessions that it ended.
type Sessions interface {
	// CreateSession stores a session and the event, both or neither.
	// ErrNotFound where the user is not, or no longer, active, or has another
	// password or role by now.
	CreateSession(ctx context.Context, session NewSession, event Event) error

	// Session finds a session, live or not, and its user, active or not.
	// ErrNotFound where there is none.
	Session(ctx context.Context, id string) (Session, User, error)

	// Rotate finds refresh tokens, has each judged by the Judge of its
	// Rotation, and renews the sessions of those that are to be renewed, each
	// as a whole or not at all. It answers in the order of the questions. An
	// unknown token is a verdict and no error.
	Rotate(ctx context.Context, rotations []Rotation) []Rotated

	// RevokeSession ends a session. One that is unknown or already revoked
	// is left as it is, and no event is written; otherwise the event gets
	// the session's user.
	RevokeSession(ctx context.Context, id string, event Event) (ended []string, err error)

	// RevokeByRefreshToken ends, as RevokeSession does, the session that a
	// refresh token belongs to, be the token spent or not.
	RevokeByRefreshToken(ctx context.Context, token Digest, event Event) (ended []string, err error)
}

// UserSessions is what a user, or an operator, sees and ends of a user's
// sessions.
type UserSessions interface {
	// LiveSessions lists the sessions of a user that are live at now, the one
	// with the latest activity first, at most limit.
	LiveSessions(ctx context.Context, userID string, now time.Time, limit int) ([]Session, error)

	// RevokeUserSession is Sessions.RevokeSession for a session of that user:
	// another user's is left as it is.
	RevokeUserSession(ctx context.Context, userID, id string, event Event) (ended []string, err error)

	// RevokeUserSessions ends all sessions of a user but the one with the id
	// except; empty: all. There is one event, and none where nothing ended.
	RevokeUserSessions(ctx context.Context, userID, except string, event Event) (ended []string, err error)
}

// Revocations tells which sessions ended before their time, whatever ended
// them: the rows are part of the same transaction.
type Revocations interface {
	// Revocations lists those with a Seq over after, in its order.
	Revocations(ctx context.Context, after int64) ([]Revocation, error)

	// ForgetRevocations drops those from before an instant.
	ForgetRevocations(ctx context.Context, before time.Time) error
}

// Keys keeps the signing keys.
type Keys interface {
	// SigningKeys lists all keys, oldest first.
	SigningKeys(ctx context.Context) ([]Key, error)

	// ChangeKeys lets one caller at a time, of all servers, decide about the
	// keys: decide gets what SigningKeys lists, and what it returns is done
	// as a whole before the next caller's decide runs. It may run more than
	// once, and must not call the store. Its error ends the call and changes
	// nothing.
	ChangeKeys(ctx context.Context, decide func(keys []Key) (KeyChange, error)) error
}

// Events reads the security log.
type Events interface {
	// SecurityEvents lists a user's events, newest first, at most limit.
	SecurityEvents(ctx context.Context, userID string, limit int) ([]Event, error)
}

// ServiceKeys keeps the keys of services.
type ServiceKeys interface {
	// AddServiceKey stores a key.
	AddServiceKey(ctx context.Context, key ServiceKey) error

	// ServiceKeys lists all keys, the revoked and the expired too, by app and
	// age.
	ServiceKeys(ctx context.Context) ([]ServiceKey, error)

	// RevokeServiceKey ends a key at an instant, unless it was revoked before.
	// ErrNotFound where there is none.
	RevokeServiceKey(ctx context.Context, id string, at time.Time) error
}

// Store is a whole database. Code that uses one asks for the role it needs.
type Store interface {
	Users
	Accounts
	Directory
	Sessions
	UserSessions
	Revocations
	Keys
	Events
	Retention
	Statistics
	ServiceKeys

	// Tx runs f in one transaction, which is committed where f returns nil and
	// undone where it does not, or where one of its operations failed with
	// another error than ErrNotFound of a record that was looked for. Where the
	// database undid it for the sake of a concurrent one, f runs again in a new
	// one: what f does outside of the transaction has to bear that. f must not
	// call the store, and the transaction is of no use once f has returned.
	Tx(ctx context.Context, f func(Tx) error) error

	// Ledger is the part that keeps credits.
	Ledger() ledger.Store

	// Ping asks whether the database answers.
	Ping(ctx context.Context) error
	// Close releases the database. Calls under way may fail.
	Close() error
}
