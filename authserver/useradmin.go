package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The errors of Admin that callers tell apart. Every other error means that
// the database could not answer, or that an argument is not good and says why.
var (
	// ErrUserNotFound: nobody has that id or e-mail address, or the user was
	// deleted and cannot be changed any more.
	ErrUserNotFound = errors.New("no such user")
	// ErrSessionNotFound: no session has that id, or it has ended.
	ErrSessionNotFound = errors.New("no such session")
	// ErrEmailTaken: another user, perhaps a deleted one, has the address.
	ErrEmailTaken = errors.New("the e-mail address is taken")
)

const (
	// maxListed is the most that Users and Sessions return at once.
	maxListed = 1000
	// roleUser is the role of everyone who registers.
	roleUser = "user"
)

// roles are all that a user may have.
var roles = []string{roleUser, "admin", "service"}

// User is an account as an operator sees it.
type User struct {
	ID         string
	Email      string
	Name       string
	Role       string // "user", "admin" or "service"
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DeletedAt  time.Time // zero: not deleted
	DisabledAt time.Time // zero: not disabled
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

// NewUser is an account to be made. E-mail address, name and password have to
// be as at a registration.
type NewUser struct {
	Email    string
	Name     string
	Password string
	Role     string // empty: "user"
}

// Users lists users by id, the deleted among them: at most limit, which is
// held to 1 to 1000, of those behind the id after; empty: from the first.
func (a *Admin) Users(ctx context.Context, after string, limit int) ([]User, error) {
	list, err := a.store.ListUsers(ctx, after, min(max(limit, 1), maxListed))
	if err != nil {
		return nil, fmt.Errorf("authserver: users: %w", err)
	}
	users := make([]User, 0, len(list))
	for _, u := range list {
		users = append(users, User(u))
	}
	return users, nil
}

// User finds a user, deleted or not, by id or e-mail address. ErrUserNotFound
// where there is none.
func (a *Admin) User(ctx context.Context, idOrEmail string) (User, error) {
	key := idOrEmail
	if address, ok := form.NormalEmail(key); ok {
		key = address
	}
	user, err := a.store.FindUser(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return User{}, fmt.Errorf("authserver: %w: %q", ErrUserNotFound, idOrEmail)
	}
	if err != nil {
		return User{}, fmt.Errorf("authserver: user: %w", err)
	}
	return User(user), nil
}

// CreateUser makes an account without a session. ErrEmailTaken where the
// address is in use.
func (a *Admin) CreateUser(ctx context.Context, n NewUser) (User, error) {
	if n.Role == "" {
		n.Role = roleUser
	}
	if err := checkRole(n.Role); err != nil {
		return User{}, err
	}
	email, name, err := n.check(a.config.PasswordMinLength)
	if err != nil {
		return User{}, fmt.Errorf("authserver: %w", err)
	}
	hash, err := password.New(1, 0, a.config.Random).Hash(ctx, n.Password)
	if err != nil {
		return User{}, fmt.Errorf("authserver: %w", err)
	}
	event := a.event(store.EventUserCreated, "role", n.Role)
	user, credential, err := newAccount(a.config.Random, event.CreatedAt)
	if err != nil {
		return User{}, fmt.Errorf("authserver: %w", err)
	}
	user.Email, user.Name, user.Role = email, name, n.Role
	credential.PasswordHash, event.UserID = hash, user.ID
	err = a.store.AddUser(ctx, user, credential, event)
	if errors.Is(err, store.ErrEmailTaken) {
		return User{}, fmt.Errorf("authserver: %w: %s", ErrEmailTaken, email)
	}
	if err != nil {
		return User{}, fmt.Errorf("authserver: create user: %w", err)
	}
	return User(user), nil
}

// check is that of a registration, in the same words. It returns the address and
// the name as they are stored.
func (n NewUser) check(shortestPassword int) (email, name string, err error) {
	for _, text := range []string{n.Email, n.Password, n.Name} {
		if !utf8.ValidString(text) {
			return "", "", errors.New("e-mail address, name or password is not valid UTF-8")
		}
	}
	var problems []string
	email, ok := form.NormalEmail(n.Email)
	if !ok {
		problems = append(problems, "email must be an email")
	}
	problems = append(problems, form.PasswordProblems("password", n.Password, shortestPassword, form.MaxPassword)...)
	name, nameProblems := form.PersonNameProblems("name", n.Name)
	return email, name, form.Invalid(append(problems, nameProblems...))
}

// SetRole gives a user, found by id or e-mail address, a role: "user", "admin"
// or "service". If it is another one, the user's sessions end. It returns the
// user as it is then.
func (a *Admin) SetRole(ctx context.Context, idOrEmail, role string) (User, error) {
	if err := checkRole(role); err != nil {
		return User{}, err
	}
	return a.change(ctx, idOrEmail, store.SetRole(role), a.event(store.EventRoleChanged, "role", role))
}

// Disable shuts a user out until Enable: no login, no valid token. The user's
// sessions end.
func (a *Admin) Disable(ctx context.Context, idOrEmail string) (User, error) {
	return a.change(ctx, idOrEmail, store.Disable, a.event(store.EventUserDisabled))
}

// Enable lets a user in again who was disabled.
func (a *Admin) Enable(ctx context.Context, idOrEmail string) (User, error) {
	return a.change(ctx, idOrEmail, store.Enable, a.event(store.EventUserEnabled))
}

// Delete soft-deletes a user, for good: no login, no valid token, and the
// address stays taken. The user's sessions end.
func (a *Admin) Delete(ctx context.Context, idOrEmail string) (User, error) {
	return a.change(ctx, idOrEmail, store.Delete, a.event(store.EventUserDeleted))
}

// Sessions lists the live sessions of a user, found by id or e-mail address,
// the one with the latest activity first, at most 1000.
func (a *Admin) Sessions(ctx context.Context, idOrEmail string) ([]Session, error) {
	user, err := a.User(ctx, idOrEmail)
	if err != nil {
		return nil, err
	}
	list, err := a.store.LiveSessions(ctx, user.ID, a.config.Clock.Now(), maxListed)
	if err != nil {
		return nil, fmt.Errorf("authserver: sessions: %w", err)
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
	user, err := a.User(ctx, idOrEmail)
	if err != nil {
		return 0, err
	}
	ended, err := a.store.RevokeUserSessions(ctx, user.ID, "", a.event(store.EventSessionsRevoked))
	if err != nil {
		return 0, fmt.Errorf("authserver: revoke sessions: %w", err)
	}
	return len(ended), nil
}

// RevokeSession ends a session. ErrSessionNotFound where there is none with
// that id, or it has ended before.
func (a *Admin) RevokeSession(ctx context.Context, id string) error {
	ended, err := a.store.RevokeSession(ctx, id, a.event(store.EventSessionRevoked))
	if err != nil {
		return fmt.Errorf("authserver: revoke session: %w", err)
	}
	if len(ended) == 0 {
		return fmt.Errorf("authserver: %w: %q", ErrSessionNotFound, id)
	}
	return nil
}

func (a *Admin) change(ctx context.Context, idOrEmail string, change store.Change, event store.Event) (User, error) {
	found, err := a.User(ctx, idOrEmail)
	if err != nil {
		return User{}, err
	}
	user, _, err := a.store.ChangeUser(ctx, found.ID, change, event)
	if errors.Is(err, store.ErrNotFound) {
		return User{}, fmt.Errorf("authserver: %w: %q was deleted", ErrUserNotFound, idOrEmail)
	}
	if err != nil {
		return User{}, fmt.Errorf("authserver: change of a user: %w", err)
	}
	return User(user), nil
}

// event is an event of an operator's, which pairs of name and value tell more
// about.
func (a *Admin) event(kind string, more ...string) store.Event {
	return store.Event{
		Type:      kind,
		Metadata:  eventMetadata(append([]string{"by", "operator"}, more...)...),
		CreatedAt: a.config.Clock.Now(),
	}
}

// eventMetadata is the JSON object of pairs of name and value.
func eventMetadata(pairs ...string) jsontext.Value {
	doc := jsontext.Value("{")
	for i, text := range pairs {
		// Every string can be quoted; the error tells of invalid UTF-8, which
		// is replaced.
		doc, _ = jsontext.AppendQuote(doc, text)
		switch {
		case i%2 == 0:
			doc = append(doc, ':')
		case i < len(pairs)-1:
			doc = append(doc, ',')
		}
	}
	return append(doc, '}')
}

func checkRole(role string) error {
	if !slices.Contains(roles, role) {
		return fmt.Errorf("authserver: %q is no role: it has to be one of %s", role, strings.Join(roles, ", "))
	}
	return nil
}
