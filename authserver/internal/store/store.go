package store

import (
	"context"
	"errors"
)

// The errors that callers tell apart. Every other error means that the
// database could not answer.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrEmailTaken: another user, perhaps a deleted one, has the address.
	ErrEmailTaken = errors.New("store: e-mail taken")
)

// Users keeps users and their credentials.
type Users interface {
	// CreateUser stores a user, the credential, the first session and the
	// event, all or nothing. ErrEmailTaken where the address is in use.
	CreateUser(ctx context.Context, user User, credential Credential, session NewSession, event Event) error

	// CredentialByEmail finds a user that is not deleted, and the password
	// hash. ErrNotFound where there is none.
	CredentialByEmail(ctx context.Context, email string) (User, Credential, error)
}

// NewSession is a session and the digest of its first refresh token.
type NewSession struct {
	Session
	Refresh Digest
}

// Sessions keeps sessions and their refresh tokens.
type Sessions interface {
	// CreateSession stores a session and the event, both or neither.
	CreateSession(ctx context.Context, session NewSession, event Event) error

	// Session finds a session, live or not, and its user, deleted or not.
	// ErrNotFound where there is none.
	Session(ctx context.Context, id string) (Session, User, error)

	// Rotate judges a refresh token by Judge and does what the verdict asks
	// for, in one transaction. An unknown token is a verdict and no error.
	Rotate(ctx context.Context, rotation Rotation) (Rotated, error)

	// RevokeSession ends a session. One that is unknown or already revoked
	// is left as it is, and no event is written; otherwise the event gets
	// the session's user.
	RevokeSession(ctx context.Context, id string, event Event) error

	// RevokeByRefreshToken ends, as RevokeSession does, the session that a
	// refresh token belongs to, be the token spent or not.
	RevokeByRefreshToken(ctx context.Context, token Digest, event Event) error
}

// Keys keeps the signing keys.
type Keys interface {
	// SigningKeys lists all keys, newest first.
	SigningKeys(ctx context.Context) ([]Key, error)

	// AddFirstKey stores the key if there is none yet, and else does
	// nothing: of two servers that start together one wins.
	AddFirstKey(ctx context.Context, key Key) error
}

// Events reads the security log.
type Events interface {
	// SecurityEvents lists a user's events, newest first, at most limit.
	SecurityEvents(ctx context.Context, userID string, limit int) ([]Event, error)
}

// Store is a whole database. Code that uses one asks for the role it needs.
type Store interface {
	Users
	Sessions
	Keys
	Events

	// Ping asks whether the database answers.
	Ping(ctx context.Context) error
	// Close releases the database. Calls under way may fail.
	Close() error
}
