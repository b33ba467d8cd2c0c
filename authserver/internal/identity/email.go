package identity

import (
	"context"
	"fmt"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// userByEmail finds a user, active or not, by an address in its stored form, or
// in one of those in which an older program has stored it. Where several have
// an account, which only older programs made, that with the stored form counts.
func (s *Service) userByEmail(ctx context.Context, email string) (user store.User, credential store.Credential, err error) {
	for _, spelling := range form.EmailSpellings(email) {
		if user, credential, err = s.config.Store.UserByEmail(ctx, spelling); !isNotFound(err) {
			return user, credential, err
		}
	}
	return user, credential, err
}

// checkSpellings checks that nobody has an address in a form in which only
// older programs stored it. The stored form itself is unique in the database.
func (s *Service) checkSpellings(ctx context.Context, email string) error {
	for _, spelling := range form.EmailSpellings(email)[1:] {
		user, _, err := s.config.Store.UserByEmail(ctx, spelling)
		switch {
		case err == nil && !user.Deleted():
			return ErrEmailTaken
		case err != nil && !isNotFound(err):
			return err
		}
	}
	return nil
}

// findUser finds a user, deleted or not, by id or e-mail address.
func (s *Service) findUser(ctx context.Context, idOrEmail string) (store.User, error) {
	keys := []string{idOrEmail}
	if address, ok := form.NormalEmail(idOrEmail); ok {
		keys = form.EmailSpellings(address)
	}
	for _, key := range keys {
		if user, err := s.config.Store.FindUser(ctx, key); !isNotFound(err) {
			return user, err
		}
	}
	return store.User{}, fmt.Errorf("%w: %q", ErrUserNotFound, idOrEmail)
}
