package store

import "time"

// Rotation asks to exchange a refresh token for its successor.
type Rotation struct {
	Spent     Digest // digest of the token presented
	Successor Digest // digest of its successor
	// Sealed is the successor, encrypted so that only a holder of the token
	// presented can read it. It is handed out again where the verdict is
	// Repeated.
	Sealed []byte
	Now    time.Time // of the exchange
	// Judge says what becomes of a token that is known. It may be called more
	// than once; its last call gets the records as they are at the exchange. It
	// must not call the store.
	Judge func(Presented) Decision
}

// Decision is the answer of a Judge.
type Decision struct {
	Verdict   Verdict
	ExpiresAt time.Time // of the session, where Verdict is Renewed
}

// Rotated is the outcome of a Rotation.
type Rotated struct {
	Err     error // why there is no outcome; the rest is zero then
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
	Expired                 // the session has expired, by its idle or its absolute lifetime
	Reused                  // spent, and its successor is used or the grace is over: end the session
	Repeated                // spent within the grace, and the successor is unused: hand out the same successor
	Renewed                 // good: spend it and store the successor
)

func (v Verdict) String() string {
	return [...]string{"unknown", "user gone", "revoked", "expired", "reused", "repeated", "renewed"}[v]
}

// Presented is what a database holds about a refresh token that was presented.
type Presented struct {
	SpentAt        time.Time // zero while it is unspent
	SuccessorSpent bool
	Session        Session
	User           User
}
