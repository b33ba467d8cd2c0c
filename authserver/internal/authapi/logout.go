package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// logoutForm is the body of a logout.
type logoutForm struct{ refreshToken string }

// Fields implements web.Form.
func (f *logoutForm) Fields() []form.Field {
	return []form.Field{form.OptionalString("refreshToken", &f.refreshToken)}
}

func (a *API) logoutRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.LogoutPath, Access: web.Anyone, Limit: web.LimitDefault,
		// Credentials that were sent twice are refused before the body is read.
		Endpoint: web.Before(func(r *http.Request) error { _, err := web.Bearer(r); return err }, web.Body(a.logout)),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SuccessResponse{}}},
		Errors:   []wire.Code{wire.InvalidRequest, wire.Unauthorized, wire.InvalidToken, wire.TokenExpired},
	}
}

func (a *API) logout(w http.ResponseWriter, r *http.Request, f logoutForm) error {
	access, err := web.Bearer(r)
	if err != nil {
		return err
	}
	if err := a.Identity.Logout(r.Context(), a.origin(r), access, f.refreshToken); err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Signed out successfully"})
	return nil
}
