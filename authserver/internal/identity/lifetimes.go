package identity

import (
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Lifetimes is how long sessions live.
type Lifetimes struct {
	Idle       time.Duration // without a refresh
	Remembered time.Duration // Idle of a session whose login asked to be remembered
	Absolute   time.Duration // from the login, whatever is refreshed
}

// Overtime is how long after its expiry a session may still be renewed. A
// refresh may have been judged before the expiry and be under way, or the
// server's clock may be behind, or the server may have been suspended. Whatever
// ends all sessions of a user therefore also ends those that expired within
// Overtime. Calls take seconds; the rest of the hour is for clocks and
// suspensions.
const Overtime = time.Hour

// expiry is when a session that is opened or refreshed at now expires.
func (l Lifetimes) expiry(s store.Session, now time.Time) time.Time {
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
