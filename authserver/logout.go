package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// logout ends the session of the refresh token in the body and that of the
// bearer token; either is enough. A refresh token that is spent ends its
// session all the same, and one that is unknown is as good as logged out (RFC
// 7009 section 2.2): the client wants to be rid of it.
type logout struct {
	out      responder
	sessions store.Sessions
	access   token.Access
	issuer   issuer
	revoked  *revocations
}

func (h logout) serve(w http.ResponseWriter, r *http.Request) error {
	access, err := bearer(r)
	if err != nil {
		return err
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	var refresh string
	if _, sent := f.fields["refreshToken"]; sent {
		refresh, _ = f.str("refreshToken")
	}
	if err := f.finish(); err != nil {
		return err
	}
	if access == "" && refresh == "" {
		return fail(wire.Unauthorized, "No token provided")
	}

	event := h.issuer.event(r, store.EventLogout)
	if access != "" {
		claims, err := h.access.Verify(access, h.out.now())
		switch {
		case err == nil:
			ended, err := h.sessions.RevokeSession(r.Context(), claims.Sid, event)
			if err != nil {
				return err
			}
			h.revoked.note(ended)
		case refresh == "":
			return invalidToken(err)
		}
	}
	if refresh != "" {
		ended, err := h.sessions.RevokeByRefreshToken(r.Context(), secret.Hash(refresh), event)
		if err != nil {
			return err
		}
		h.revoked.note(ended)
	}
	h.out.respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Signed out successfully"})
	return nil
}
