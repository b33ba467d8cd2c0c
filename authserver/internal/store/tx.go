package store

import "time"

// Tx is one transaction. Its operations find, lock and put single records and
// decide nothing: what a record may become is judged by whoever calls them.
// They run in the context of the Store.Tx that the transaction belongs to.
//
// An operation that answers nothing but an error may be sent together with the
// ones behind it, at the next one that reads or at the commit, and so its error
// may be that of a later operation or of Store.Tx itself.
//
// Two transactions that lock the same records do so in one order: first the
// user, then the sessions by their ids, then the signing keys.
type Tx interface {
	// LockUser finds a user, active or not, and keeps every other transaction
	// from locking, sharing or changing the user until this one ends.
	// ErrNotFound where there is none.
	LockUser(id string) (User, error)
	// ShareUser is LockUser for those who only rely on the user as it is: they
	// do not keep each other away.
	ShareUser(id string) (User, error)
	// AddUser stores a new user. ErrEmailTaken where the address is in use.
	AddUser(user User) error
	// PutUser replaces a user that this transaction has locked.
	PutUser(user User) error

	// Credential finds the password of a user that this transaction has locked
	// or shared. ErrNotFound where there is none.
	Credential(userID string) (Credential, error)
	// AddCredential stores a user's password at an instant.
	AddCredential(userID string, credential Credential, at time.Time) error
	// PutCredential replaces a password, found by its id, at an instant.
	PutCredential(credential Credential, at time.Time) error

	// AddSession stores a session and the digest of its first refresh token.
	AddSession(session Session, refresh Digest) error
	// EndSessions marks sessions as ended, those that were before excepted, and
	// stores the revocation of each for the servers that remember verdicts.
	EndSessions(which Ending) ([]EndedSession, error)

	// AddEvent stores a row of the security log.
	AddEvent(event Event) error

	// LockKeys lists all signing keys, oldest first, and keeps every other
	// transaction, of all servers, from doing so until this one ends.
	LockKeys() ([]Key, error)
	// PutKey stores a signing key: a new one, or in place of the one with the
	// same id.
	PutKey(key Key) error
	// DropKey deletes a signing key.
	DropKey(id string) error
}

// Ending names the sessions that are to end. One of SessionID, Refresh and
// UserID is set; UserID may also stand beside SessionID, and both have to fit.
type Ending struct {
	// At is the instant of their end.
	At time.Time
	// SessionID names one session.
	SessionID string
	// Refresh names the session of a refresh token, be the token spent or not.
	Refresh Digest
	// UserID names all sessions of a user.
	UserID string
	// Except is the session of UserID that goes on. Empty: none.
	Except string
	// ExpiresAfter leaves out the sessions of UserID that expire at or before
	// it: they are over. Zero: none is left out.
	ExpiresAfter time.Time
}

// EndedSession is a session that EndSessions has ended.
type EndedSession struct{ ID, UserID string }

// SessionEnd tells when a session ends or did.
type SessionEnd struct {
	ID        string
	ExpiresAt time.Time
	// RefreshableUntil is until when the existing service would have refreshed
	// a session of its own. Zero: it is none.
	RefreshableUntil time.Time
	RevokedAt        time.Time // zero: not revoked
}
