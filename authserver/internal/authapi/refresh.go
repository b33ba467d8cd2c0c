package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// refreshForm is the body of a refresh.
type refreshForm struct{ refreshToken string }

// Fields implements web.Form.
func (f *refreshForm) Fields() []form.Field {
	return []form.Field{form.String("refreshToken", &f.refreshToken)}
}

func (a *API) refreshRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.RefreshPath, Access: web.Anyone, Limit: web.LimitDefault,
		Endpoint: web.Body(a.refresh),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.TokenResponse{}}},
		Errors:   []wire.Code{wire.InvalidToken, wire.TokenExpired},
	}
}

func (a *API) refresh(w http.ResponseWriter, r *http.Request, f refreshForm) error {
	tokens, err := a.Identity.Refresh(r.Context(), a.origin(r), f.refreshToken)
	if err != nil {
		return refused(err)
	}
	a.Out.Respond(w, r, http.StatusOK, tokenResponse(tokens))
	return nil
}
