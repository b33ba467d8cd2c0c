package authserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// login opens a session for an e-mail address and a password. A session is
// always a new one (OWASP ASVS 5.0, 7.2.4).
type login struct {
	out      *web.Responder
	users    store.Users
	sessions store.Sessions
	hasher   *password.Hasher
	issuer   issuer
}

// loginForm is the body of a login.
type loginForm struct {
	email, password string
	device          device
}

// Fields implements web.Form. Clients send the last two; the server believes
// the connection instead.
func (f *loginForm) Fields() []form.Field {
	return []form.Field{
		form.Email("email", &f.email),
		form.Password("password", &f.password, 1, form.MaxLoginPassword),
		form.Text("deviceId", &f.device.id),
		form.Text("deviceName", &f.device.name),
		form.Flag("rememberMe", &f.device.remember),
		form.Ignored("ipAddress"),
		form.Ignored("userAgent"),
	}
}

func (h login) route() web.Route {
	return web.Route{
		Pattern: "POST " + wire.LoginPath, Access: web.Anyone, Limit: web.LimitLogin,
		Endpoint: web.Body(h.serve),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.TokenResponse{}}},
		Errors:   []wire.Code{wire.InvalidCredentials},
	}
}

func (h login) serve(w http.ResponseWriter, r *http.Request, f loginForm) error {
	user, hash, err := checkPassword(r.Context(), h.users, h.hasher, f.email, f.password)
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
	session, refresh, event, err := h.issuer.open(r, user.ID, store.EventLogin, f.device)
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
	h.out.Respond(w, r, http.StatusOK, answer)
	return nil
}

func (h login) refused(r *http.Request) error {
	h.out.Log.InfoContext(r.Context(), "login refused", "ip", h.out.Addr(r).String())
	return web.Fail(wire.InvalidCredentials, "Invalid email or password")
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
