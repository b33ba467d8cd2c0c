package identity

import (
	"context"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Login opens a session for an e-mail address, in its stored form, and a
// password. The error is ErrCredentials where they do not belong to a user who
// may log in.
func (s *Service) Login(ctx context.Context, o Origin, email, password string, d Device) (Tokens, error) {
	user, hash, err := s.checkPassword(ctx, email, password)
	if err != nil {
		return Tokens{}, err
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
		if err := c.stillMayLogIn(user, hash); err != nil {
			return err
		}
		if err := c.add(n); err != nil {
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

// checkPassword finds the user of an e-mail address and a password, and the hash
// that the password fits. It does the same work whether or not there is such a
// user.
func (s *Service) checkPassword(ctx context.Context, email, password string) (store.User, string, error) {
	user, credential, err := s.userByEmail(ctx, email)
	if err != nil && !isNotFound(err) {
		return store.User{}, "", err
	}
	if err != nil || !user.Active() {
		credential = store.Credential{} // nothing fits it
	}
	fits, err := s.fits(ctx, user, credential, password)
	if err != nil {
		return store.User{}, "", err
	}
	if !fits {
		return store.User{}, "", ErrCredentials
	}
	return user, credential.PasswordHash, nil
}

// fits reports whether a password is that of a user. It does the same work
// whatever the credential is, also where there is none or where its hash is one
// of another program. Such a hash fits nothing until it has been taken over.
func (s *Service) fits(ctx context.Context, user store.User, credential store.Credential, text string) (bool, error) {
	if credential.PasswordHash == "" {
		return false, s.config.Hasher.Burn(ctx, text)
	}
	fits, err := s.config.Hasher.Verify(ctx, text, credential.PasswordHash)
	if errors.Is(err, password.ErrFormat) {
		s.config.Log.WarnContext(ctx, "a password is stored in a form of another program and fits nothing", "user", user.ID)
		return false, nil
	}
	return fits, err
}
