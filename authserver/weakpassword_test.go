package authserver

import (
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestV14WeakPasswords: a password that is easily guessed is not set, neither at
// registration nor by a change nor by an operator, and one that was set before
// still opens its account.
func TestV14WeakPasswords(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Passwords.ServiceNames = []string{"Picture"} })
	ann := h.register("anna.lind")
	token := h.login("anna.lind").AccessToken
	for password, problem := range map[string]string{
		"password":               "must not be one of the most common passwords",
		"12345678":               "must not be one of the most common passwords",
		"Baseball":               "must not be one of the most common passwords",
		"it is Anna.Lind again":  "must not contain the e-mail address",
		"correct ManaCore horse": "must not contain the name of the service",
		"correct picture horse":  "must not contain the name of the service",
	} {
		h.unchanged(func() {
			h.refused(h.post(wire.RegisterPath, object{"email": "anna.lind@example.org", "password": password, "name": "Anna"}),
				wire.ValidationFailed, wire.RegisterPath, []string{"password " + problem})
			h.refused(h.post(wire.ChangePasswordPath, object{"currentPassword": goodPassword, "newPassword": password}, as(token)...),
				wire.ValidationFailed, wire.ChangePasswordPath, []string{"newPassword " + problem})
		})
	}
	h.exec("UPDATE users SET email = 'correct@example.com' WHERE id = ?", ann.ID)
	h.login("correct")
}
