package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// roles are all roles that a user may have.
var roles = []string{RoleUser, "admin", "service"}

func checkRole(role string) error {
	if !slices.Contains(roles, role) {
		return fmt.Errorf("%q is no role: it has to be one of %s", role, strings.Join(roles, ", "))
	}
	return nil
}

func checkTier(tier string) error {
	if !slices.Contains(wire.Tiers, tier) {
		return fmt.Errorf("%q is no tier: it has to be one of %s", tier, strings.Join(wire.Tiers, ", "))
	}
	return nil
}

// User finds a user, deleted or not, by id or e-mail address. The error is
// ErrUserNotFound where there is none.
func (s *Service) User(ctx context.Context, idOrEmail string) (store.User, error) {
	return s.findUser(ctx, idOrEmail)
}

// CreateUser makes an account without a session, by the rules of a registration
// and with a role. The error is ErrEmailTaken where the address is in use, and
// a form.InvalidError where an argument is not good.
func (s *Service) CreateUser(ctx context.Context, o Origin, r Registration, role string) (store.User, error) {
	if err := checkRole(role); err != nil {
		return store.User{}, err
	}
	r, err := s.checked(r)
	if err != nil {
		return store.User{}, err
	}
	user, credential, err := s.newAccount(ctx, o, r)
	if err != nil {
		return store.User{}, err
	}
	user.Role = role
	err = s.change(ctx, o, func(c *change) error {
		if err := c.addAccount(user, credential); err != nil {
			return err
		}
		return c.record(event{kind: store.EventUserCreated, user: user.ID, more: []string{"role", role}})
	})
	if err = emailTaken(err); err != nil {
		if errors.Is(err, ErrEmailTaken) {
			err = fmt.Errorf("%w: %s", err, user.Email)
		}
		return store.User{}, err
	}
	return user, nil
}

// checked checks what an operator typed by the rules for the form of a
// registration.
func (s *Service) checked(r Registration) (Registration, error) {
	for _, text := range []string{r.Email, r.Password, r.Name} {
		if !utf8.ValidString(text) {
			return Registration{}, errors.New("e-mail address, name or password is not valid UTF-8")
		}
	}
	var problems []string
	email, ok := form.NormalEmail(r.Email)
	if !ok {
		problems = append(problems, "email must be an email")
	}
	problems = append(problems, form.PasswordProblems("password", r.Password, s.config.PasswordMinLength, form.MaxPassword)...)
	name, nameProblems := form.PersonNameProblems("name", r.Name)
	return Registration{Email: email, Password: r.Password, Name: name}, form.Invalid(append(problems, nameProblems...))
}

// SetRole gives a role to a user, who is found by id or e-mail address. If the
// role is a new one, the user's sessions end.
func (s *Service) SetRole(ctx context.Context, o Origin, idOrEmail, role string) (store.User, error) {
	if err := checkRole(role); err != nil {
		return store.User{}, err
	}
	return s.operate(ctx, o, idOrEmail, event{kind: store.EventRoleChanged, more: []string{"role", role}},
		func(u *store.User, _ time.Time) bool {
			changed := u.Role != role
			u.Role = role
			return changed
		}, (*change).endEverySession)
}

// SetTier gives a tier to a user, who is found by id or e-mail address. The
// user's sessions go on: tokens say it from their next refresh on.
func (s *Service) SetTier(ctx context.Context, o Origin, idOrEmail, tier string) (store.User, error) {
	if err := checkTier(tier); err != nil {
		return store.User{}, err
	}
	return s.operate(ctx, o, idOrEmail, event{kind: store.EventTierChanged, more: []string{"tier", tier}},
		func(u *store.User, _ time.Time) bool {
			changed := u.Tier != tier
			u.Tier = tier
			return changed
		}, (*change).record)
}

// Disable shuts a user out until Enable. The user's sessions end.
func (s *Service) Disable(ctx context.Context, o Origin, idOrEmail string) (store.User, error) {
	return s.operate(ctx, o, idOrEmail, event{kind: store.EventUserDisabled}, func(u *store.User, at time.Time) bool {
		if !u.Active() {
			return false
		}
		u.DisabledAt = at
		return true
	}, (*change).endEverySession)
}

// Enable lets a disabled user log in again. Sessions that ended stay ended.
func (s *Service) Enable(ctx context.Context, o Origin, idOrEmail string) (store.User, error) {
	return s.operate(ctx, o, idOrEmail, event{kind: store.EventUserEnabled}, func(u *store.User, _ time.Time) bool {
		changed := !u.DisabledAt.IsZero()
		u.DisabledAt = time.Time{}
		return changed
	}, (*change).endEverySession)
}

// Delete soft-deletes a user, for good. The user's sessions end.
func (s *Service) Delete(ctx context.Context, o Origin, idOrEmail string) (store.User, error) {
	return s.operate(ctx, o, idOrEmail, event{kind: store.EventUserDeleted}, deleted, (*change).endEverySession)
}

// SessionsOf lists the live sessions of a user, found by id or e-mail address,
// the one with the latest activity first, at most limit.
func (s *Service) SessionsOf(ctx context.Context, idOrEmail string, limit int) ([]store.Session, error) {
	user, err := s.User(ctx, idOrEmail)
	if err != nil {
		return nil, err
	}
	return s.config.Store.LiveSessions(ctx, user.ID, s.config.Clock.Now(), max(limit, 1))
}

// EventsOf lists the events of a user, found by id or e-mail address, newest
// first, at most MaxEvents.
func (s *Service) EventsOf(ctx context.Context, idOrEmail string) ([]store.Event, error) {
	user, err := s.User(ctx, idOrEmail)
	if err != nil {
		return nil, err
	}
	return s.SecurityEvents(ctx, user.ID)
}

// RevokeSessions ends all sessions of a user, who is found by id or e-mail
// address, and returns how many ended.
func (s *Service) RevokeSessions(ctx context.Context, o Origin, idOrEmail string) (ended int, err error) {
	user, err := s.User(ctx, idOrEmail)
	if err != nil {
		return 0, err
	}
	err = s.change(ctx, o, func(c *change) (err error) {
		ended, err = c.end(c.everySession(user.ID, ""), event{kind: store.EventSessionsRevoked})
		return err
	})
	return ended, err
}

// RevokeAllSessions ends the sessions of all users, one user after the other, and
// calls progress after each page of users with how many users and sessions there
// were so far. What it has done stays done if it is broken off, and it may be
// called again.
func (s *Service) RevokeAllSessions(ctx context.Context, o Origin, progress func(users, ended int)) (ended int, err error) {
	for user, err := range s.Users(ctx, UserFilter{}, func(users int) { progress(users, ended) }) {
		if err != nil {
			return ended, err
		}
		live, err := s.config.Store.LiveSessions(ctx, user.ID, o.At.Add(-Overtime), 1)
		if err != nil {
			return ended, err
		}
		if len(live) == 0 {
			continue
		}
		// What ends hours after the beginning matters from then on.
		o.At = s.config.Clock.Now()
		n, err := s.RevokeSessions(ctx, o, user.ID)
		ended += n
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// RevokeSession ends a session. The error is ErrSessionNotFound where no
// session has that id, or where it had ended before.
func (s *Service) RevokeSession(ctx context.Context, o Origin, id string) error {
	var ended int
	var err error
	if isSessionID(id) {
		ended, err = s.endSessions(ctx, o, store.Ending{SessionID: id}, store.EventSessionRevoked)
	}
	if err == nil && ended == 0 {
		return fmt.Errorf("%w: %q", ErrSessionNotFound, id)
	}
	return err
}

// operate is changeUser for a user found by id or e-mail address.
func (s *Service) operate(ctx context.Context, o Origin, idOrEmail string, because event, alter alteration, conclude conclusion) (store.User, error) {
	found, err := s.User(ctx, idOrEmail)
	if err != nil {
		return store.User{}, err
	}
	user, err := s.changeUser(ctx, o, found.ID, because, alter, conclude)
	if errors.Is(err, ErrUserNotFound) {
		return store.User{}, fmt.Errorf("%w: %q was deleted", ErrUserNotFound, idOrEmail)
	}
	return user, err
}

// alteration changes a user at an instant and reports whether there was
// anything to change.
type alteration func(u *store.User, at time.Time) bool

// conclusion records the reason of a change and does what follows from it.
type conclusion func(c *change, because event) error

func deleted(u *store.User, at time.Time) bool {
	u.DeletedAt = at
	return true
}

// changeUser changes a user who is not deleted, concludes that, and returns the
// changed user. Where there is nothing to change, nothing is concluded. The
// error is ErrUserNotFound where there is no such user.
func (s *Service) changeUser(ctx context.Context, o Origin, id string, because event, alter alteration, conclude conclusion) (user store.User, err error) {
	err = s.change(ctx, o, func(c *change) (err error) {
		user, err = c.LockUser(id)
		if isNotFound(err) || err == nil && user.Deleted() {
			return ErrUserNotFound
		}
		if err != nil || !alter(&user, o.At) {
			return err
		}
		user.UpdatedAt = o.At
		if err := c.PutUser(user); err != nil {
			return err
		}
		because.user = user.ID
		return conclude(c, because)
	})
	if err != nil {
		return store.User{}, err
	}
	return user, nil
}
