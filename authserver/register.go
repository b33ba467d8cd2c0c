package authserver

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// register opens an account and its first session.
type register struct {
	out              *web.Responder
	users            store.Users
	hasher           *password.Hasher
	issuer           issuer
	shortestPassword int
}

// registerForm is the body of a registration.
type registerForm struct {
	email, password, name string
	shortestPassword      int
}

// Fields implements web.Form.
func (f *registerForm) Fields() []form.Field {
	return []form.Field{
		form.Email("email", &f.email),
		form.Password("password", &f.password, f.shortestPassword, form.MaxPassword),
		form.PersonName("name", &f.name),
		form.Ignored("referralCode"),
		form.Ignored("sourceAppId"),
	}
}

func (h register) route() web.Route {
	return web.Route{
		Pattern: "POST " + wire.RegisterPath, Access: web.Anyone, Limit: web.LimitSignup,
		Endpoint: web.BodyOf(func() registerForm { return registerForm{shortestPassword: h.shortestPassword} }, h.serve),
		Answers:  []web.Answer{{Status: http.StatusCreated, Body: wire.RegisterResponse{}}},
		Errors:   []wire.Code{wire.EmailAlreadyExists},
	}
}

func (h register) serve(w http.ResponseWriter, r *http.Request, f registerForm) error {
	user, credential, err := newAccount(h.issuer.random, h.out.Now())
	if err != nil {
		return err
	}
	// Before the address is looked at, so that the time does not tell more
	// than the answer.
	hash, err := h.hasher.Hash(r.Context(), f.password)
	if err != nil {
		return err
	}
	session, refresh, event, err := h.issuer.open(r, user.ID, store.EventRegister, device{})
	if err != nil {
		return err
	}
	user.Email, user.Name = f.email, f.name
	credential.PasswordHash = hash
	err = h.users.CreateUser(r.Context(), user, credential, session, event)
	if errors.Is(err, store.ErrEmailTaken) {
		return web.Fail(wire.EmailAlreadyExists, "User with this email already exists")
	}
	if err != nil {
		return err
	}
	h.out.Respond(w, r, http.StatusCreated, wire.RegisterResponse{
		User:  wire.RegisteredUser{ID: user.ID, Email: user.Email, Name: user.Name},
		ID:    user.ID,
		Email: user.Email,
		Name:  user.Name,
		Token: refresh,
	})
	return nil
}

// newAccount makes the ids of a user and of a credential; the user has the role
// of everyone who registers.
func newAccount(random io.Reader, now time.Time) (store.User, store.Credential, error) {
	userID, err := secret.NewID(random)
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	accountID, err := secret.NewID(random)
	if err != nil {
		return store.User{}, store.Credential{}, err
	}
	user := store.User{ID: userID, Role: roleUser, CreatedAt: now, UpdatedAt: now}
	return user, store.Credential{ID: accountID}, nil
}
