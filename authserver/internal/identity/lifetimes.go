package identity

import (
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Lifetimes is how long sessions live.
type Lifetimes struct {
	Idle       time.Duration // without a refresh
	Remembered time.Duration // Idle of a session that was asked to be remembered
	Absolute   time.Duration // from the login, whatever is refreshed
}

// Overtime is for how long after its expiry a session may still be renewed: by a
// refresh that was judged before and is under way, or on a server whose clock is
// behind or that was suspended. What ends all sessions of a user ends those that
// are in it too. Calls take seconds: the rest is for clocks and suspensions.
const Overtime = time.Hour

// expiry is when a session ends that was opened or refreshed at now.
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
