package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// login opens a session for an e-mail address and a password. A session is
// always a new one (OWASP ASVS 5.0, 7.2.4).
type login struct {
	out      responder
	users    store.Users
	sessions store.Sessions
	hasher   *password.Hasher
	issuer   issuer
}

func (h login) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	email := f.email("email")
	secret := f.password("password", 1, maxLoginPassword)
	d := device{id: f.optional("deviceId"), name: f.optional("deviceName"), remember: f.flag("rememberMe")}
	// Clients send these; the server believes the connection instead.
	f.optional("ipAddress")
	f.optional("userAgent")
	if err := f.finish(); err != nil {
		return err
	}

	user, hash, err := checkPassword(r.Context(), h.users, h.hasher, email, secret)
	if err != nil {
		return err
	}
	if hash == "" {
		return h.refused(r)
	}
	signer, err := h.issuer.signer()
	if err != nil {
		return err
	}
	session, refresh, event, err := h.issuer.open(r, user.ID, store.EventLogin, d)
	if err != nil {
		return err
	}
	session.PasswordHash, session.Role = hash, user.Role
	err = h.sessions.CreateSession(r.Context(), session, event)
	if errors.Is(err, store.ErrNotFound) {
		return h.refused(r) // the user, the password or the role changed meanwhile
	}
	if err != nil {
		return err
	}
	answer, err := h.issuer.tokens(signer, user, session.Session, refresh)
	if err != nil {
		return err
	}
	h.out.respond(w, r, http.StatusOK, answer)
	return nil
}

func (h login) refused(r *http.Request) error {
	h.out.log.InfoContext(r.Context(), "login refused", "ip", h.out.addr(r).String())
	return fail(wire.InvalidCredentials, "Invalid email or password")
}

// checkPassword finds the user of an e-mail address and a password, and the
// hash that the password fits; an empty one where it fits none. It does the
// same work whether or not there is such a user.
func checkPassword(ctx context.Context, users store.Users, hasher *password.Hasher, email, secret string) (store.User, string, error) {
	user, credential, err := users.CredentialByEmail(ctx, email)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, "", hasher.Burn(ctx, secret)
	}
	if err != nil {
		return store.User{}, "", err
	}
	ok, err := hasher.Verify(ctx, secret, credential.PasswordHash)
	if err != nil || !ok {
		return store.User{}, "", err
	}
	return user, credential.PasswordHash, nil
}
