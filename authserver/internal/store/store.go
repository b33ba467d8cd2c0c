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
	// ErrEmailTaken: another user, perhaps a deleted one, has the address, see
	// Tx.FreeEmail.
	ErrEmailTaken = errors.New("store: e-mail taken")
)

// Users finds users.
type Users interface {
	// UserByEmail finds a user, active or not, by the e-mail address in its
	// stored form, and the password; a zero Credential where there is none.
	// ErrNotFound where there is no such user.
	UserByEmail(ctx context.Context, email string) (User, Credential, error)

	// UserByID is UserByEmail by the user's id.
	UserByID(ctx context.Context, id string) (User, Credential, error)
}

// Directory lists users for an operator.
type Directory interface {
	// FindUser finds a user, deleted or not, by id or by e-mail address in
	// its stored form. ErrNotFound where there is none.
	FindUser(ctx context.Context, idOrEmail string) (User, error)

	// ListUsers lists users, deleted or not, by id in the database's order,
	// at most limit of those behind the id after; empty: from the first.
	ListUsers(ctx context.Context, after string, limit int) ([]User, error)
}

// Sessions finds sessions and renews them.
type Sessions interface {
	// Session finds a session, live or not, and its user, active or not.
	// ErrNotFound where there is none.
	Session(ctx context.Context, id string) (Session, User, error)

	// Rotate finds refresh tokens, has each judged by the Judge of its
	// Rotation, and renews the sessions of those that are to be renewed, each
	// as a whole or not at all. It answers in the order of the questions. An
	// unknown token is a verdict and no error. A token whose error wraps
	// groupcommit.ErrRejected was not renewed, perhaps for the sake of another
	// one, and may be presented again by itself.
	Rotate(ctx context.Context, rotations []Rotation) []Rotated

	// LiveSessions lists the sessions of a user that are live at now, the one
	// with the latest activity first, at most limit.
	LiveSessions(ctx context.Context, userID string, now time.Time, limit int) ([]Session, error)
}

// Revocations tells which sessions ended before their time, whatever ended
// them: the rows are part of the same transaction.
type Revocations interface {
	// Revocations lists those that were committed since a mark, and some that
	// were committed before it. Where the mark is not one of this database, as
	// the zero Mark, it lists those from an instant on.
	Revocations(ctx context.Context, since Mark, from time.Time) (RevocationPage, error)

	// ForgetRevocations drops those from before an instant.
	ForgetRevocations(ctx context.Context, before time.Time) error
}

// Keys lists the signing keys.
type Keys interface {
	// SigningKeys lists all keys, oldest first.
	SigningKeys(ctx context.Context) ([]Key, error)
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

// Transactions change records, several as one.
type Transactions interface {
	// Tx runs f in one transaction, which is committed where f returns nil and
	// undone where it does not, or where one of its operations failed with
	// another error than ErrNotFound of a record that was looked for. Where the
	// database undid it for the sake of a concurrent one, f runs again in a new
	// one: what f does outside of the transaction has to bear that. f must not
	// call the store, and the transaction is of no use once f has returned.
	Tx(ctx context.Context, f func(Tx) error) error
}

// Store is a whole database. Code that uses one asks for the role it needs.
type Store interface {
	Users
	Directory
	Sessions
	Revocations
	Keys
	Events
	Retention
	Endings
	Statistics
	ServiceKeys
	Guesses
	Transactions

	// Ledger is the part that keeps credits.
	Ledger() ledger.Store

	// Ping asks whether the database answers.
	Ping(ctx context.Context) error
	// Ready stores something, to find out whether the database takes it.
	Ready(ctx context.Context) error
	// Close releases the database. Calls under way may fail.
	Close() error
}
