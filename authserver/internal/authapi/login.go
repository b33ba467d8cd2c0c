package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// loginForm is the body of a login.
type loginForm struct {
	email, password string
	device          identity.Device
}

// Fields implements web.Form. Existing clients send the last two. The server
// takes both from the connection instead.
func (f *loginForm) Fields() []form.Field {
	return []form.Field{
		form.Email("email", &f.email),
		form.Password("password", &f.password, 1, form.MaxLoginPassword),
		form.Text("deviceId", &f.device.ID),
		form.Text("deviceName", &f.device.Name),
		form.Flag("rememberMe", &f.device.Remember),
		form.Ignored("ipAddress"),
		form.Ignored("userAgent"),
	}
}

func (a *API) loginRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.LoginPath, Access: web.Anyone, Limit: web.LimitLogin,
		Endpoint: web.Body(a.login),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.TokenResponse{}}},
		Errors:   []wire.Code{wire.InvalidCredentials, wire.AccountLocked},
	}
}

func (a *API) login(w http.ResponseWriter, r *http.Request, f loginForm) error {
	tokens, err := a.Identity.Login(r.Context(), a.origin(r), f.email, f.password, f.device)
	if err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusOK, tokenResponse(tokens))
	return nil
}
