package store

import "time"

// Tx is one transaction. Its operations find, lock and store single records and
// decide nothing. The caller decides what becomes of a record. They run in the
// context that Store.Tx got.
//
// An operation that returns only an error may be sent later, with the next one
// that reads or with the commit. Its error may therefore come from a later
// operation or from Store.Tx itself.
//
// Transactions lock records in one order: first the user, then the sessions by
// their ids, then the signing keys.
type Tx interface {
	// LockUser finds a user, active or not, and keeps every other transaction
	// from locking, sharing or changing the user until this one ends. The error
	// is ErrNotFound where there is none.
	LockUser(id string) (User, error)
	// ShareUser is LockUser for a transaction that relies on the user but does
	// not change it. Several may share a user at once.
	ShareUser(id string) (User, error)
	// FreeEmail takes an address, in its stored form, from a deleted user, who
	// gets one that nobody can have. It does nothing where another user, or
	// nobody, has it.
	FreeEmail(email string) error
	// AddUser stores a new user. The error is ErrEmailTaken where the address
	// is in use.
	AddUser(user User) error
	// PutUser replaces a user that this transaction has locked.
	PutUser(user User) error

	// Credential finds the password of a user that this transaction has locked
	// or shared. The error is ErrNotFound where there is none.
	Credential(userID string) (Credential, error)
	// AddCredential stores a user's password at an instant.
	AddCredential(userID string, credential Credential, at time.Time) error
	// PutCredential replaces a password, found by its id, at an instant.
	PutCredential(credential Credential, at time.Time) error

	// AddSession stores a session and the digest of its first refresh token.
	AddSession(session Session, refresh Digest) error
	// OldestSessions lists sessions of a user that are not marked as ended,
	// expired or not, in the order of their age, at most limit.
	OldestSessions(userID string, limit int) ([]Session, error)
	// EndSessions ends sessions, except those that had ended before. For each
	// that it returns it stores a revocation, which the servers that cache
	// verdicts read. Where all sessions of a user end, the work does not grow
	// with the number of their rows but for the revocations: Session and Rotate
	// see at once that they ended, and the rows are marked later, by
	// Endings.MarkEnded.
	EndSessions(which Ending) ([]EndedSession, error)

	// AddDevice makes a device known, whose session this transaction opens. Of
	// more than MaxDevices of the user, the oldest are forgotten.
	AddDevice(device Device) error
	// ForgetDevices forgets the devices whose latest session is this one.
	ForgetDevices(sessionID string) error

	// AddEvent stores a row of the security log.
	AddEvent(event Event) error

	// LockKeys lists all signing keys, oldest first, and keeps every other
	// transaction of all servers from locking them until this one ends.
	LockKeys() ([]Key, error)
	// PutKey stores a signing key. It replaces a key with the same id.
	PutKey(key Key) error
	// DropKey deletes a signing key.
	DropKey(id string) error
}

// Ending names sessions that EndSessions ends. One of SessionID, Refresh and
// UserID is set. UserID may also be set with SessionID, and the session has to
// match both.
type Ending struct {
	// At is the instant of their end.
	At time.Time
	// SessionID names one session.
	SessionID string
	// Refresh names the session of a refresh token, which may be spent.
	Refresh Digest
	// UserID names all sessions of a user that were opened before.
	UserID string
	// Except is a session that does not end, where UserID alone is set. Empty
	// means that there is none.
	Except string
	// ExpiresAfter says, where UserID alone is set, that sessions that expire at
	// or before this instant are over and end without being returned. Zero means
	// that all are returned.
	ExpiresAfter time.Time
}

// All reports whether all sessions of a user are named.
func (e Ending) All() bool { return e.UserID != "" && e.SessionID == "" && e.Refresh == Digest{} }

// EndedSession is a session that EndSessions has ended.
type EndedSession struct{ ID, UserID string }

// SessionEnd says when a session ends or ended.
type SessionEnd struct {
	ID        string
	ExpiresAt time.Time
	// RefreshableUntil is until when the existing service would refresh a
	// session of its own. Zero for every other session.
	RefreshableUntil time.Time
	RevokedAt        time.Time // zero where it is not revoked
}
