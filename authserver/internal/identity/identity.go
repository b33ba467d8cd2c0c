// Package identity holds the rules of users, sessions and passwords: who may
// register and log in, whether a refresh token is good, what ends a session,
// and what an operator may do to a user. The rules stand here once, in Go, for
// every database, for HTTP routes and for an operator's commands.
//
// Every change is one transaction of the store. In it, only change.end ends
// sessions and only change.record adds events to the security log. These two
// take care of the revocations and the counters, so that no use case can forget
// them.
package identity

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Revocations keeps the ended sessions in the memory of this server.
type Revocations interface{ Note(sessions []string) }

// Meter counts events of the security log by their type.
type Meter interface{ Event(kind string) }

// Config configures a Service. Every field is required unless it says
// otherwise.
type Config struct {
	Store  store.Store
	Access token.Access
	Hasher *password.Hasher
	// Guesses bounds how often passwords are guessed. Nil means that nothing
	// does.
	Guesses *guess.Guard
	Clock   Clock
	Random  io.Reader
	Log     *slog.Logger
	// Revocations gets the sessions that the service ends. Nil is for an
	// operator's commands, which have no server beside them. Other servers read
	// the sessions from the database.
	Revocations Revocations
	// Meter counts events. Nil means that nothing is counted.
	Meter Meter

	// Lifetimes is how long sessions live.
	Lifetimes Lifetimes
	// AccessTTL is the life of an access token.
	AccessTTL time.Duration
	// RefreshGrace is how long a spent refresh token yields its successor.
	// Negative means that it never does.
	RefreshGrace time.Duration
	// Outage is the last outage of the database. Nil means that there was none.
	Outage func() Outage
	// MaxSessions is how many live sessions a user may have. Zero or less means
	// any number.
	MaxSessions int
	// PasswordMinLength is the least number of characters of a password that
	// is set.
	PasswordMinLength int
	// ServiceNames are what users call the service. No new password contains
	// one of them that has four characters or more.
	ServiceNames []string
	// Lanes is how many transactions of refreshes run at once. Zero means 1.
	Lanes int
}

// Service has the use cases. It is safe for concurrent use; end it with Close.
type Service struct {
	config    Config // not exported, so that nobody passes by the use cases
	rotations rotations
	failures  failures
}

// New makes a service.
func New(c Config) *Service {
	s := &Service{config: c}
	s.rotations = s.openRotations(c.Lanes)
	return s
}

// Close waits for the refreshes under way, and refuses all later ones.
func (s *Service) Close() { s.rotations.close() }

// Origin says where a request comes from.
type Origin struct {
	Addr  netip.Addr // the client's address; zero where it is unknown
	Agent string     // the client's User-Agent, valid UTF-8 without NUL
	At    time.Time  // when the request came
	// Operator says that the request is an operator's command and not a
	// client's.
	Operator bool
}

func (o Origin) address() string {
	if !o.Addr.IsValid() {
		return ""
	}
	return o.Addr.String()
}

// newID makes an id of a user, a credential or a session.
func (s *Service) newID() (string, error) { return secret.NewID(s.config.Random) }

// live reports whether the session of an access token lives and its user is
// active.
func live(session store.Session, user store.User, claims token.Claims, now time.Time) bool {
	return session.Live(now) && user.Active() && user.ID == claims.Sub
}

// Live finds the session and the user of verified claims. ok is false where the
// session has ended, or the user was deleted or disabled. session and user are
// zero where there is no such session.
func (s *Service) Live(ctx context.Context, c token.Claims, now time.Time) (session store.Session, user store.User, ok bool, err error) {
	session, user, err = s.config.Store.Session(ctx, c.Sid)
	if isNotFound(err) {
		return store.Session{}, store.User{}, false, nil
	}
	if err != nil {
		return store.Session{}, store.User{}, false, err
	}
	return session, user, live(session, user, c, now), nil
}
