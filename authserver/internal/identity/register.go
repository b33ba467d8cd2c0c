package identity

import (
	"context"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// RoleUser is the role of every user who registers.
const RoleUser = "user"

// Registration describes an account to be made. The address is in its stored
// form, and password and name are good by the rules of package form.
type Registration struct{ Email, Password, Name string }

// Register makes an account and its first session, whose refresh token it
// returns. The error is ErrEmailTaken where the address is in use, and a
// form.InvalidError where the password is easily guessed.
func (s *Service) Register(ctx context.Context, o Origin, r Registration) (store.User, string, error) {
	user, credential, err := s.newAccount(ctx, o, r)
	if err != nil {
		return store.User{}, "", err
	}
	n, err := s.open(o, user.ID, Device{})
	if err != nil {
		return store.User{}, "", err
	}
	err = s.change(ctx, o, func(c *change) error {
		if err := c.addAccount(user, credential); err != nil {
			return err
		}
		if err := c.add(n); err != nil {
			return err
		}
		if err := s.remember(c, user.Email, n.session); err != nil {
			return err
		}
		return c.record(event{kind: store.EventRegister, user: user.ID})
	})
	if err != nil {
		return store.User{}, "", emailTaken(err)
	}
	return user, n.refresh, nil
}

// newAccount makes the records of a user and the password. The password is
// hashed before the address is looked up, so that the time tells no more than
// the answer.
func (s *Service) newAccount(ctx context.Context, o Origin, r Registration) (store.User, store.Credential, error) {
	if err := s.notWeak("password", r.Password, r.Email); err != nil {
		return store.User{}, store.Credential{}, err
	}
	userID, err := s.newID()
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	accountID, err := s.newID()
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	hash, err := s.config.Hasher.Hash(ctx, password.From{Account: r.Email, Addr: guess.Address(o.Addr)}, r.Password)
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	if err := s.checkSpellings(ctx, r.Email); err != nil {
		return store.User{}, store.Credential{}, err
	}
	user := store.User{ID: userID, Email: r.Email, Name: r.Name, Role: RoleUser, Tier: wire.DefaultTier, CreatedAt: o.At, UpdatedAt: o.At}
	return user, store.Credential{ID: accountID, PasswordHash: hash}, nil
}

// addAccount stores a user and the password. An address that a deleted user had
// is free: who deleted an account may come back, with a new one.
func (c *change) addAccount(user store.User, credential store.Credential) error {
	if err := c.FreeEmail(user.Email); err != nil {
		return err
	}
	if err := c.AddUser(user); err != nil {
		return err
	}
	return c.AddCredential(user.ID, credential, user.CreatedAt)
}

func emailTaken(err error) error {
	if errors.Is(err, store.ErrEmailTaken) {
		return ErrEmailTaken
	}
	return err
}
