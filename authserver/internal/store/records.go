package store

import (
	"crypto/sha256"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Digest is the SHA-256 of a refresh token or a service key: a database gets
// nothing else of it.
type Digest [sha256.Size]byte

// User is the person whose account it is.
type User struct {
	ID    string
	Email string // in lower case; unique, also among deleted users
	Name  string
	Role  string // "user", "admin" or "service"
	Tier  string // "guest", "public", "beta", "alpha" or "founder"
	// EmailVerified means that the user has shown to receive mail at Email.
	EmailVerified bool
	CreatedAt     time.Time
	UpdatedAt     time.Time
	// DeletedAt is when the user was soft-deleted, for good. Zero means that
	// the user was not.
	DeletedAt time.Time
	// DisabledAt is when an operator disabled the user. Zero means that the
	// user is not disabled.
	DisabledAt time.Time
}

// Deleted reports whether the user was soft-deleted.
func (u User) Deleted() bool { return !u.DeletedAt.IsZero() }

// Active reports whether the user is neither deleted nor disabled. Only active
// users may log in, and only their tokens are good.
func (u User) Active() bool { return !u.Deleted() && u.DisabledAt.IsZero() }

// The states of a user.
const (
	StateActive   = "active"
	StateDisabled = "disabled"
	StateDeleted  = "deleted" // whether or not it was disabled before
)

// State is one of the states of a user.
func (u User) State() string {
	switch {
	case u.Deleted():
		return StateDeleted
	case u.Active():
		return StateActive
	}
	return StateDisabled
}

// Credential is the hashed password of a user.
type Credential struct {
	ID           string
	PasswordHash string // PHC string
}

// Session is one login and the family of refresh tokens that its rotations
// made. Its id is the sid of its access tokens and stays the same over
// rotations, so that ending the session ends all of its tokens.
type Session struct {
	ID             string
	UserID         string
	CreatedAt      time.Time
	LastActivityAt time.Time
	ExpiresAt      time.Time // moved on by each refresh
	RevokedAt      time.Time // zero: not revoked
	RememberMe     bool
	IPAddress      string // this field and the next three are empty where unknown
	UserAgent      string
	DeviceID       string
	DeviceName     string
}

// Live reports whether the session is neither revoked nor expired at now.
func (s Session) Live(now time.Time) bool {
	return s.RevokedAt.IsZero() && now.Before(s.ExpiresAt)
}

// Key is a signing key at rest. It is published from the moment that it is
// stored.
type Key struct {
	ID         string // the kid
	PublicKey  string // JSON of the public JWK
	PrivateKey string // sealed; empty once it was retired
	CreatedAt  time.Time
	// SignsFrom is when it begins to sign and its predecessor stops. Zero means
	// that this is not decided yet.
	SignsFrom time.Time
	// TokenTTL is the longest life of a token that it may sign.
	TokenTTL time.Duration
	// VerifiesUntil is until when a key is published that was imported and does
	// not sign here. Zero means that it is no such key.
	VerifiesUntil time.Time
	// RetiredAt is when it was taken out of use in an emergency. From then on
	// it does not sign, is not published, and its tokens are refused. Zero
	// means that it was not retired.
	RetiredAt time.Time
}

// ServiceKey is the key with which a service of an app identifies itself. An
// app may have several keys, so that a new one can replace an old one without a
// gap.
type ServiceKey struct {
	ID         string
	AppID      string
	Hash       Digest // of the key
	Operations []string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	RevokedAt  time.Time // zero: not revoked
}

// Live reports whether the key is neither revoked nor expired at now.
func (k ServiceKey) Live(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// The types of Event.
const (
	EventRegister        = "register"
	EventLogin           = "login_success"
	EventLogout          = "logout"
	EventRefreshReuse    = "refresh_token_reuse"
	EventSessionRevoked  = "session_revoked"
	EventSessionsRevoked = "sessions_revoked"
	EventSessionLimit    = "session_limit" // the user has too many sessions
	EventPasswordChanged = "password_changed"
	EventUserCreated     = "user_created" // by an operator
	EventUserDeleted     = "account_deleted"
	EventUserDisabled    = "account_disabled"
	EventUserEnabled     = "account_enabled"
	EventRoleChanged     = "role_changed"
	EventTierChanged     = "tier_changed"
	EventLoginFailed     = "login_failure"
	EventPasswordFailed  = "password_failure" // at a change of password or a deletion
)

// Event is a row of the security log. It is written in the transaction of the
// change that it records, so that neither exists without the other.
type Event struct {
	ID        string // given by the database
	UserID    string // where a method says so, filled in by the store
	Type      string
	IPAddress string         // empty where unknown
	UserAgent string         // empty where unknown
	Metadata  jsontext.Value // a JSON object without insignificant space; nil where there is none
	CreatedAt time.Time
}

// Revocation says that a session ended before it expired.
type Revocation struct {
	SessionID string
	At        time.Time
}

// Mark is a position in the revocations of a database. The zero Mark is nowhere.
type Mark struct {
	// Database is another one after the database was restarted, restored or
	// replaced by a standby.
	Database string
	// Position is in the store's own form. It is empty in the zero Mark.
	Position string
}

// RevocationPage is revocations that were read.
type RevocationPage struct {
	List []Revocation
	// Next is where the next call reads on.
	Next Mark
	// Anew means that the mark was not one of this database, or that the
	// database went back behind it. What was read before does not count.
	Anew bool
	// Now is the database's clock at the call. Zero where the database has none
	// of its own.
	Now time.Time
}
