package authapi

import (
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// registerForm is the body of a registration.
type registerForm struct {
	identity.Registration
	shortestPassword int
}

// Fields implements web.Form.
func (f *registerForm) Fields() []form.Field {
	return []form.Field{
		form.Email("email", &f.Email),
		form.Password("password", &f.Password, f.shortestPassword, form.MaxPassword),
		form.Optional(form.PersonName("name", &f.Name)),
		form.Ignored("referralCode"),
		form.Ignored("sourceAppId"),
		form.Ignored("sourceAppUrl"),
	}
}

func (a *API) registerRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.RegisterPath, Access: web.Anyone, Limit: web.LimitRegister,
		Endpoint: web.BodyOf(func() registerForm { return registerForm{shortestPassword: a.PasswordMinLength} }, a.register),
		Answers:  []web.Answer{{Status: http.StatusCreated, Body: wire.RegisterResponse{}}},
		Errors:   []wire.Code{wire.EmailAlreadyExists},
	}
}

func (a *API) register(w http.ResponseWriter, r *http.Request, f registerForm) error {
	if f.Name == "" { // newer clients send none
		f.Name, _, _ = strings.Cut(f.Email, "@")
	}
	user, refresh, err := a.Identity.Register(r.Context(), a.origin(r), f.Registration)
	if err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusCreated, wire.RegisterResponse{
		User:  wire.RegisteredUser{ID: user.ID, Email: user.Email, Name: user.Name},
		ID:    user.ID,
		Email: user.Email,
		Name:  user.Name,
		Token: refresh,
	})
	return nil
}
