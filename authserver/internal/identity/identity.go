// Package identity holds the rules of users, sessions and passwords: who may
// register and log in, what a refresh token is worth, what ends a session, and
// what an operator may do to a user. They stand here once, in Go, for every
// database and whoever asks: an HTTP route or an operator's command.
//
// Every change is one transaction of the store. What ends sessions in it goes
// through change.end, and what is told to the security log through
// change.record: these two see to the revocation, the memory of this server and
// the counters, so that no use case can forget one of them.
package identity

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Revocations is the memory of this server of the sessions that ended.
type Revocations interface{ Note(sessions []string) }

// Meter counts events of the security log by their type.
type Meter interface{ Event(kind string) }

// Config is what a Service is made of. All of it is required but where a field
// says otherwise.
type Config struct {
	Store  store.Store
	Access token.Access
	Hasher *password.Hasher
	Clock  Clock
	Random io.Reader
	Log    *slog.Logger
	// Revocations is told of the sessions that the service ends. Nil: nobody,
	// as for an operator's command; other servers read them in the database.
	Revocations Revocations
	// Meter counts events. Nil: nobody does.
	Meter Meter

	// Lifetimes is how long sessions live.
	Lifetimes Lifetimes
	// AccessTTL is the life of an access token.
	AccessTTL time.Duration
	// RefreshGrace is how long a spent refresh token yields its successor.
	// Negative: not at all.
	RefreshGrace time.Duration
	// PasswordMinLength is the least number of characters of a password that
	// is set.
	PasswordMinLength int
	// Lanes is how many transactions of refreshes run at once. Zero: 1.
	Lanes int
}

// Service is the use cases. It is safe for concurrent use; end it with Close.
type Service struct {
	Config
	rotations rotations
}

// New makes a service.
func New(c Config) *Service {
	s := &Service{Config: c}
	s.rotations = s.openRotations(c.Lanes)
	return s
}

// Close lets the refreshes under way end, and refuses every other one.
func (s *Service) Close() { s.rotations.close() }

// Origin says where a request comes from.
type Origin struct {
	Addr  netip.Addr // the client's address; zero: unknown
	Agent string     // what it calls itself, valid UTF-8 without NUL
	At    time.Time  // when it came
	// Operator says that an operator's command asks, and no client.
	Operator bool
}

func (o Origin) address() string {
	if !o.Addr.IsValid() {
		return ""
	}
	return o.Addr.String()
}

// newID makes an id of a user, a credential or a session.
func (s *Service) newID() (string, error) { return secret.NewID(s.Random) }

// live says whether an access token's session lives and its user is active.
func live(session store.Session, user store.User, claims token.Claims, now time.Time) bool {
	return session.Live(now) && user.Active() && user.ID == claims.Sub
}

// Live finds the session and the user of verified claims. ok is false where the
// session ended, or the user was deleted or disabled; they are zero where there
// is no such session.
func (s *Service) Live(ctx context.Context, c token.Claims, now time.Time) (session store.Session, user store.User, ok bool, err error) {
	session, user, err = s.Store.Session(ctx, c.Sid)
	if isNotFound(err) {
		return store.Session{}, store.User{}, false, nil
	}
	if err != nil {
		return store.Session{}, store.User{}, false, err
	}
	return session, user, live(session, user, c, now), nil
}
