package authserver

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// These are the errors of Admin that callers tell apart. Every other error means
// that the database could not answer, or says what is wrong with an argument.
var (
	// ErrUserNotFound means that nobody has that id or e-mail address, or that the
	// user was deleted and cannot be changed any more.
	ErrUserNotFound = identity.ErrUserNotFound
	// ErrSessionNotFound means that no session has that id, or that it has ended.
	ErrSessionNotFound = identity.ErrSessionNotFound
	// ErrEmailTaken means that another user, who was not deleted, has the address.
	ErrEmailTaken = identity.ErrEmailTaken
)

// User is an account as an operator sees it.
type User struct {
	ID    string
	Email string
	Name  string
	Role  string // "user", "admin" or "service"
	Tier  string // "guest", "public", "beta", "alpha" or "founder"
	// EmailVerified means that the user has shown to receive mail at Email.
	EmailVerified bool
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     time.Time // zero: not deleted
	DisabledAt    time.Time // zero: not disabled
}

// State is "deleted", "disabled" or "active".
func (u User) State() string { return store.User(u).State() }

// UserFilter names users. Each field that is not empty leaves some out.
type UserFilter struct {
	// Email is a part of the e-mail address, in either case. An address has its
	// domain in ASCII.
	Email string
	Role  string // "user", "admin" or "service"
	State string // "active", "disabled" or "deleted"
}

// SecurityEvent is a row of a user's security log.
type SecurityEvent struct {
	Type      string // such as "login_success"
	IPAddress string // empty where unknown
	UserAgent string // empty where unknown
	Metadata  string // a JSON object; empty where there is none
	CreatedAt time.Time
}

// Session is a live session as an operator sees it.
type Session struct {
	ID             string
	UserID         string
	CreatedAt      time.Time
	LastActivityAt time.Time
	ExpiresAt      time.Time
	RememberMe     bool
	IPAddress      string // this and the following: empty where unknown
	UserAgent      string
	DeviceID       string
	DeviceName     string
}

// NewUser is an account to be made. The rules of a registration apply to e-mail
// address, name and password.
type NewUser struct {
	Email    string
	Name     string
	Password string
	Role     string // empty: "user"
}

// Users goes through the users by id, the deleted among them, and yields those
// that the filter names. An error is the last that it yields. It reads all users,
// a page of 1000 at a time, and tells progress, unless that is nil, of each page.
func (a *Admin) Users(ctx context.Context, filter UserFilter, progress func(Progress)) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		read := func(users int) { tell(progress, Progress{Part: "users", Done: int64(users), Unit: "users"}) }
		for user, err := range a.people.Users(ctx, identity.UserFilter(filter), read) {
			if err != nil {
				yield(User{}, fmt.Errorf("authserver: users: %w", err))
				return
			}
			if !yield(User(user), nil) {
				return
			}
		}
	}
}

// User finds a user, deleted or not, by id or e-mail address. Where there is none
// the error is ErrUserNotFound.
func (a *Admin) User(ctx context.Context, idOrEmail string) (User, error) {
	return shownUser(a.people.User(ctx, idOrEmail))
}

// CreateUser makes an account without a session. Where the address is in use the
// error is ErrEmailTaken.
func (a *Admin) CreateUser(ctx context.Context, n NewUser) (User, error) {
	r := identity.Registration{Email: n.Email, Password: n.Password, Name: n.Name}
	return shownUser(a.people.CreateUser(ctx, a.origin(), r, cmp.Or(n.Role, identity.RoleUser)))
}

// SetRole gives a user, found by id or e-mail address, a role: "user", "admin"
// or "service". If it is another one, the user's sessions end. It returns the
// user as it is then.
func (a *Admin) SetRole(ctx context.Context, idOrEmail, role string) (User, error) {
	return shownUser(a.people.SetRole(ctx, a.origin(), idOrEmail, role))
}

// SetTier gives a user, found by id or e-mail address, a tier: "guest",
// "public", "beta", "alpha" or "founder". The user's sessions go on: POST
// /validate says it within a minute, and tokens of a server of 2026 from their
// next refresh on. It returns the user as it is then.
func (a *Admin) SetTier(ctx context.Context, idOrEmail, tier string) (User, error) {
	return shownUser(a.people.SetTier(ctx, a.origin(), idOrEmail, tier))
}

// Disable shuts a user out until Enable: no login, no valid token. The user's
// sessions end.
func (a *Admin) Disable(ctx context.Context, idOrEmail string) (User, error) {
	return shownUser(a.people.Disable(ctx, a.origin(), idOrEmail))
}

// Enable lets a user in again who was disabled.
func (a *Admin) Enable(ctx context.Context, idOrEmail string) (User, error) {
	return shownUser(a.people.Enable(ctx, a.origin(), idOrEmail))
}

// Delete soft-deletes a user, for good: no login, no valid token, and the
// address is free for another account. The user's sessions end.
func (a *Admin) Delete(ctx context.Context, idOrEmail string) (User, error) {
	return shownUser(a.people.Delete(ctx, a.origin(), idOrEmail))
}

// SecurityEvents lists the newest events in the security log of a user, found by
// id or e-mail address, newest first, at most 50.
func (a *Admin) SecurityEvents(ctx context.Context, idOrEmail string) ([]SecurityEvent, error) {
	list, err := a.people.EventsOf(ctx, idOrEmail)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	events := make([]SecurityEvent, 0, len(list))
	for _, e := range list {
		events = append(events, SecurityEvent{
			Type: e.Type, IPAddress: e.IPAddress, UserAgent: e.UserAgent, Metadata: string(e.Metadata), CreatedAt: e.CreatedAt,
		})
	}
	return events, nil
}

// Sessions lists the live sessions of a user, found by id or e-mail address,
// the one with the latest activity first, at most limit, which is at least 1.
func (a *Admin) Sessions(ctx context.Context, idOrEmail string, limit int) ([]Session, error) {
	list, err := a.people.SessionsOf(ctx, idOrEmail, limit)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	sessions := make([]Session, 0, len(list))
	for _, s := range list {
		sessions = append(sessions, Session{
			ID: s.ID, UserID: s.UserID, CreatedAt: s.CreatedAt, LastActivityAt: s.LastActivityAt, ExpiresAt: s.ExpiresAt,
			RememberMe: s.RememberMe, IPAddress: s.IPAddress, UserAgent: s.UserAgent, DeviceID: s.DeviceID, DeviceName: s.DeviceName,
		})
	}
	return sessions, nil
}

// RevokeSessions ends all sessions of a user, found by id or e-mail address,
// and says how many there were.
func (a *Admin) RevokeSessions(ctx context.Context, idOrEmail string) (int, error) {
	ended, err := a.people.RevokeSessions(ctx, a.origin(), idOrEmail)
	if err != nil {
		return 0, fmt.Errorf("authserver: %w", err)
	}
	return ended, nil
}

// RevokeAllSessions ends the sessions of all users, as after a restore, which
// brings back sessions that had ended. It calls progress now and then with how
// many users it has gone through and how many sessions it has ended, and returns
// the latter. It may be broken off and called again.
func (a *Admin) RevokeAllSessions(ctx context.Context, progress func(users, ended int)) (int, error) {
	ended, err := a.people.RevokeAllSessions(ctx, a.origin(), progress)
	if err != nil {
		return ended, fmt.Errorf("authserver: %w", err)
	}
	return ended, nil
}

// RevokeSession ends a session. The error is ErrSessionNotFound where there is
// none with that id, or where it has ended before.
func (a *Admin) RevokeSession(ctx context.Context, id string) error {
	if err := a.people.RevokeSession(ctx, a.origin(), id); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

// origin says that an operator asks.
func (a *Admin) origin() identity.Origin {
	return identity.Origin{At: a.config.Clock.Now(), Operator: true}
}

func shownUser(u store.User, err error) (User, error) {
	if err != nil {
		return User{}, fmt.Errorf("authserver: %w", err)
	}
	return User(u), nil
}
