package store

import "time"

// Rotation asks to exchange a refresh token for its successor.
type Rotation struct {
	Spent     Digest // of the token presented
	Successor Digest // of the token that is to follow it
	// Sealed is the successor, encrypted so that only a holder of the token
	// presented can read it. It is handed out again where the verdict is
	// Repeated.
	Sealed []byte
	Now    time.Time // of the exchange
	// Judge says what becomes of the token, if it is known. It may be asked more
	// than once, the last time with what is true at the exchange, and must not
	// call the store.
	Judge func(Presented) Decision
}

// Decision is what a Judge says of a refresh token.
type Decision struct {
	Verdict   Verdict
	ExpiresAt time.Time // of the session, where Verdict is Renewed
}

// Rotated is the outcome of a Rotation.
type Rotated struct {
	Err     error // why there is none; then the rest is zero
	Verdict Verdict
	Sealed  []byte  // where Verdict is Repeated: the successor sealed at the first use
	Session Session // as it is after the rotation; zero where Verdict is Unknown
	User    User    // zero where Verdict is Unknown
}

// Verdict is what becomes of a refresh token that was presented.
type Verdict int

// The verdicts. The store changes something in one case only: Renewed.
const (
	Unknown  Verdict = iota // no such token
	UserGone                // the user was deleted
	Revoked                 // the session was ended, or the user disabled
	Expired                 // the session is over its expiry, idle or absolute
	Reused                  // spent, and its successor in use or the grace over: revoke the session
	Repeated                // spent within the grace, the successor unused: hand out the same successor
	Renewed                 // good: spend it and store the successor
)

func (v Verdict) String() string {
	return [...]string{"unknown", "user gone", "revoked", "expired", "reused", "repeated", "renewed"}[v]
}

// Presented is what a database knows of a refresh token that was presented.
type Presented struct {
	SpentAt        time.Time // zero: unspent
	SuccessorSpent bool
	Session        Session
	User           User
}
