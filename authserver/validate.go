package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// validate gives the verdict on an access token.
type validate struct {
	out      *web.Responder
	verdicts *verdicts
	meter    *meter.Meter
}

// validateForm is the body of a validation.
type validateForm struct{ token string }

// Fields implements web.Form.
func (f *validateForm) Fields() []form.Field { return []form.Field{form.String("token", &f.token)} }

func (h validate) route() web.Route {
	return web.Route{
		Pattern: "POST " + wire.ValidatePath, Access: web.Anyone, Limit: web.Unlimited,
		Endpoint: web.Body(h.serve),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.ValidateResponse{}}},
	}
}

func (h validate) serve(w http.ResponseWriter, r *http.Request, f validateForm) error {
	answer, kind, err := h.verdicts.of(r.Context(), f.token)
	if err != nil {
		return err
	}
	h.meter.Verdict(kind)
	h.out.Send(w, r, http.StatusOK, answer)
	return nil
}
