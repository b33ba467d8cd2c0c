package authserver

import (
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// validate gives the verdict on an access token: signature, claims, and
// whether its session lives and its user exists.
type validate struct {
	out      responder
	sessions store.Sessions
	access   token.Access
}

func (h validate) serve(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	text, _ := f.str("token")
	if err := f.finish(); err != nil {
		return err
	}
	now := h.out.now()
	claims, err := h.access.Verify(text, now)
	if err != nil {
		h.out.metrics.verdict(verdictOf(err))
		h.out.respond(w, r, http.StatusOK, wire.ValidateResponse{Error: verdictText(err)})
		return nil
	}
	_, user, live, err := liveSession(r.Context(), h.sessions, claims, now)
	if err != nil {
		return err
	}
	if !live {
		h.out.metrics.verdict(verdictInvalid)
		h.out.respond(w, r, http.StatusOK, wire.ValidateResponse{Error: wire.ValidateInvalidPrefix + "session has ended"})
		return nil
	}
	h.out.metrics.verdict(verdictValid)
	h.out.respond(w, r, http.StatusOK, wire.ValidateResponse{Valid: true, Payload: &wire.ValidatePayload{
		Sub: claims.Sub,
		// As they are now: a role that was taken away is gone at once.
		Email:     user.Email,
		Role:      user.Role,
		Sid:       claims.Sid,
		SessionID: claims.Sid,
		Iss:       claims.Iss,
		Aud:       claims.Aud,
		Iat:       claims.Iat,
		Exp:       claims.Exp,
	}})
	return nil
}

func verdictText(reason error) string {
	if errors.Is(reason, token.ErrExpired) {
		return wire.ValidateExpired
	}
	return wire.ValidateInvalidPrefix + reason.Error()
}

// verdictOf is the label of a refusal in the metrics.
func verdictOf(reason error) string {
	if errors.Is(reason, token.ErrExpired) {
		return verdictExpired
	}
	return verdictInvalid
}
