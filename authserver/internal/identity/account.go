package identity

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// MaxEvents is the most events of the security log that a user sees.
	MaxEvents = 50
	// MaxListed is the most users or sessions that are read at once.
	MaxListed = 1000
)

// Sessions lists a user's live sessions, the one with the latest activity
// first, at most MaxListed.
func (s *Service) Sessions(ctx context.Context, userID string) ([]store.Session, error) {
	return s.config.Store.LiveSessions(ctx, userID, s.config.Clock.Now(), MaxListed)
}

// EndSession ends one of a user's sessions. The error is ErrSessionNotFound
// where the session is not the user's, or has ended.
func (s *Service) EndSession(ctx context.Context, o Origin, userID, id string) error {
	if !isSessionID(id) {
		return ErrSessionNotFound
	}
	ended, err := s.endSessions(ctx, o, store.Ending{SessionID: id, UserID: userID}, store.EventSessionRevoked)
	if err == nil && ended == 0 {
		return ErrSessionNotFound
	}
	return err
}

// isSessionID reports whether the store may be asked for the session. An empty
// id would name all sessions of the user, and not every database accepts every
// text.
func isSessionID(id string) bool {
	return id != "" && utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}

// SecurityEvents lists a user's events, newest first, at most MaxEvents.
func (s *Service) SecurityEvents(ctx context.Context, userID string) ([]store.Event, error) {
	return s.config.Store.SecurityEvents(ctx, userID, MaxEvents)
}

// ChangePassword replaces the caller's password and ends all of the caller's
// other sessions. The error is ErrPassword where current is not the password,
// or was changed meanwhile, and a form.InvalidError where next is easily
// guessed.
func (s *Service) ChangePassword(ctx context.Context, o Origin, caller Caller, current, next string) error {
	if err := s.notWeak("newPassword", next, caller.User.Email); err != nil {
		return err
	}
	hash, err := s.proven(ctx, o, caller, current)
	if err != nil {
		return err
	}
	fresh, err := s.config.Hasher.Hash(ctx, password.From{Account: caller.User.Email, Addr: guess.Address(o.Addr), Known: true}, next)
	if err != nil {
		return err
	}
	return s.change(ctx, o, func(c *change) error {
		user, err := c.LockUser(caller.User.ID)
		if isNotFound(err) || err == nil && !user.Active() {
			return ErrPassword
		}
		if err != nil {
			return err
		}
		credential, err := c.Credential(user.ID)
		if isNotFound(err) || err == nil && credential.PasswordHash != hash {
			return ErrPassword // it was changed meanwhile
		}
		if err != nil {
			return err
		}
		credential.PasswordHash = fresh
		if err := c.PutCredential(credential, o.At); err != nil {
			return err
		}
		_, err = c.end(c.everySession(user.ID, caller.Session.ID), event{kind: store.EventPasswordChanged, user: user.ID})
		return err
	})
}

// DeleteAccount soft-deletes the caller, for good. It asks for the password,
// because an access token may have been left on a device. The error is
// ErrPassword where the password is wrong, and ErrUserNotFound where the caller
// was deleted meanwhile.
func (s *Service) DeleteAccount(ctx context.Context, o Origin, caller Caller, password, reason string) error {
	if _, err := s.proven(ctx, o, caller, password); err != nil {
		return err
	}
	var more []string
	if reason != "" {
		more = []string{"reason", reason}
	}
	_, err := s.changeUser(ctx, o, caller.User.ID, event{kind: store.EventUserDeleted, more: more}, deleted, (*change).endEverySession)
	return err
}

// proven returns the caller's password hash where password fits it, and
// ErrPassword where it does not.
func (s *Service) proven(ctx context.Context, o Origin, caller Caller, password string) (hash string, err error) {
	by := attempt{origin: o, email: caller.User.Email, device: caller.Session.DeviceID, kind: store.EventPasswordFailed}
	_, credential, fits, err := s.prove(ctx, by, password, func() (store.User, store.Credential, error) {
		return s.config.Store.UserByID(ctx, caller.User.ID)
	})
	if err != nil {
		return "", err
	}
	if !fits {
		return "", ErrPassword
	}
	return credential.PasswordHash, nil
}
