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

// Lifetimes is how long sessions live.
type Lifetimes struct {
	Idle       time.Duration // without a refresh
	Remembered time.Duration // Idle of a session that was asked to be remembered
	Absolute   time.Duration // from the login, whatever is refreshed
}

// Expiry is when a session ends that was opened or refreshed at now.
func (l Lifetimes) Expiry(s Session, now time.Time) time.Time {
	idle := l.Idle
	if s.RememberMe {
		idle = l.Remembered
	}
	expiry, end := now.Add(idle), s.CreatedAt.Add(l.Absolute)
	if end.Before(expiry) {
		return end
	}
	return expiry
}

// Overtime is for how long after its expiry a session may still be renewed: by a
// refresh that was judged before and is under way, or on a server whose clock is
// behind or that was suspended. What ends all sessions of a user ends those that
// are in it too. Calls take seconds: the rest is for clocks and suspensions.
const Overtime = time.Hour

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

// Judge applies the rule of refresh rotation (RFC 9700 section 4.14.2): a
// token is good once. A client that lost the answer may ask again within the
// grace, for as long as the successor was not used; anything later means that
// two parties hold the token, and the session ends. An older ancestor is
// always of that kind, because its successor is spent.
func Judge(p Presented, now time.Time, grace time.Duration) Verdict {
	switch {
	case p.User.Deleted():
		return UserGone
	case !p.Session.RevokedAt.IsZero(), !p.User.Active():
		return Revoked
	case !p.Session.Live(now):
		return Expired
	case p.SpentAt.IsZero():
		return Renewed
	case p.SuccessorSpent || max(0, now.Sub(p.SpentAt)) > grace: // another server's clock may be ahead
		return Reused
	default:
		return Repeated
	}
}
