package authserver

import (
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// refresh exchanges a refresh token for its successor and a new access token.
type refresh struct {
	out       *web.Responder
	rotations rotations
	issuer    issuer
	grace     time.Duration
	revoked   *revocations
	meter     *meter.Meter
}

// refreshForm is the body of a refresh.
type refreshForm struct{ refreshToken string }

// Fields implements web.Form.
func (f *refreshForm) Fields() []form.Field {
	return []form.Field{form.String("refreshToken", &f.refreshToken)}
}

func (h refresh) route() web.Route {
	return web.Route{
		Pattern: "POST " + wire.RefreshPath, Access: web.Anyone, Limit: web.LimitDefault,
		Endpoint: web.Body(h.serve),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.TokenResponse{}}},
		Errors:   []wire.Code{wire.InvalidToken, wire.TokenExpired},
	}
}

func (h refresh) serve(w http.ResponseWriter, r *http.Request, f refreshForm) error {
	spent := f.refreshToken
	signer, err := h.issuer.signer()
	if err != nil {
		return err
	}
	successor, err := secret.New(h.issuer.random)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(spent, successor, h.issuer.random)
	if err != nil {
		return err
	}
	rotated, err := h.rotations.rotate(r.Context(), store.Rotation{
		Spent:     secret.Hash(spent),
		Successor: secret.Hash(successor),
		Sealed:    sealed,
		Grace:     h.grace,
		Lifetimes: h.issuer.lifetimes,
		Reuse:     h.issuer.event(r, store.EventRefreshReuse),
	})
	if err != nil {
		return err
	}
	switch rotated.Verdict {
	case store.Renewed:
	case store.Repeated:
		if successor, err = secret.Unseal(spent, rotated.Sealed); err != nil {
			return err
		}
	default:
		return h.refused(r, rotated)
	}
	answer, err := h.issuer.tokens(signer, rotated.User, rotated.Session, successor)
	if err != nil {
		return err
	}
	h.out.Respond(w, r, http.StatusOK, answer)
	return nil
}

// refused is the answer to a token that is not good. Clients compare
// the texts.
func (h refresh) refused(r *http.Request, rotated store.Rotated) error {
	switch rotated.Verdict {
	case store.UserGone:
		return web.Fail(wire.InvalidToken, "User not found")
	case store.Expired:
		return web.Fail(wire.TokenExpired, "Refresh token expired")
	case store.Reused:
		h.meter.Event(store.EventRefreshReuse)
		h.revoked.note([]string{rotated.Session.ID})
		h.out.Log.WarnContext(r.Context(), "spent refresh token presented again: session revoked",
			"session", rotated.Session.ID, "user", rotated.User.ID, "ip", h.out.Addr(r).String())
	}
	return web.Fail(wire.InvalidToken, "Invalid refresh token")
}
