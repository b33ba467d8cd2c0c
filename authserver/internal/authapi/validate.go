package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// validateForm is the body of a validation.
type validateForm struct{ token string }

// Fields implements web.Form. Guards in the field turn every answer but 200 into
// a 401, and so a token that is not there is a matter for the verdict, and
// properties that nobody knows are none.
func (f *validateForm) Fields() []form.Field {
	return []form.Field{form.ShortString("token", &f.token, token.MaxBytes), form.Others}
}

func (a *API) validateRoute() web.Route {
	return web.Route{
		Pattern: "POST " + wire.ValidatePath, Access: web.Anyone, Limit: web.Unlimited, Heavy: web.LimitHeavy,
		Endpoint: web.Body(a.validate),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.ValidateResponse{}}},
	}
}

// validate answers with the verdict on an access token.
func (a *API) validate(w http.ResponseWriter, r *http.Request, f validateForm) error {
	answer, kind, err := a.Verdicts.Of(r.Context(), f.token)
	if err != nil {
		return err
	}
	a.Counted(kind)
	a.Out.Send(w, r, http.StatusOK, answer)
	return nil
}
