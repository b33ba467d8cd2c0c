package identity

import (
	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/password"
)

// notWeak returns a form.InvalidError where a password is easily guessed by
// whoever knows the e-mail address of its user. It is asked when a password is
// set, and never at a login: a password that was good once goes on opening its
// account.
func (s *Service) notWeak(property, text, email string) error {
	var problem string
	switch password.Weak(text, email, s.config.ServiceNames...) {
	case password.NotWeak:
		return nil
	case password.Common:
		problem = " must not be one of the most common passwords"
	case password.HasEmail:
		problem = " must not contain the e-mail address"
	case password.HasService:
		problem = " must not contain the name of the service"
	}
	return form.Invalid([]string{property + problem})
}
