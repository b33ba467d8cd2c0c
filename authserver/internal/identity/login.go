package identity

import (
	"context"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Login opens a session for an e-mail address, in its stored form, and a
// password. The error is ErrCredentials where they do not belong to a user who
// may log in, and a guess.LockedError where there were too many wrong passwords.
func (s *Service) Login(ctx context.Context, o Origin, email, password string, d Device) (Tokens, error) {
	by := attempt{origin: o, email: email, device: d.ID, kind: store.EventLoginFailed}
	user, credential, fits, err := s.prove(ctx, by, password, func() (store.User, store.Credential, error) {
		return s.userByEmail(ctx, email)
	})
	if err != nil {
		return Tokens{}, err
	}
	if !fits {
		return Tokens{}, ErrCredentials
	}
	signer, err := s.signer()
	if err != nil {
		return Tokens{}, err
	}
	n, err := s.open(o, user.ID, d)
	if err != nil {
		return Tokens{}, err
	}
	err = s.change(ctx, o, func(c *change) error {
		if err := c.stillMayLogIn(user, credential.PasswordHash); err != nil {
			return err
		}
		if err := c.add(n); err != nil {
			return err
		}
		if err := s.remember(c, email, n.session); err != nil {
			return err
		}
		if err := s.limitSessions(c, n.session); err != nil {
			return err
		}
		return c.record(event{kind: store.EventLogin, user: user.ID})
	})
	if err != nil {
		return Tokens{}, err
	}
	return s.tokens(signer, user, n.session, n.refresh)
}

// stillMayLogIn checks the user again, in the transaction that opens the
// session. The password was checked before it, and the user, the password or
// the role in the access token may have changed meanwhile.
func (c *change) stillMayLogIn(checked store.User, hash string) error {
	user, err := c.ShareUser(checked.ID)
	if isNotFound(err) {
		return ErrCredentials
	}
	if err != nil {
		return err
	}
	credential, err := c.Credential(user.ID)
	if isNotFound(err) {
		return ErrCredentials
	}
	if err != nil {
		return err
	}
	if !user.Active() || credential.PasswordHash != hash || user.Role != checked.Role {
		return ErrCredentials
	}
	return nil
}
