package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// logout ends the session of the refresh token in the body and that of the
// bearer token; either is enough. A refresh token that is spent ends its
// session all the same, and one that is unknown is as good as logged out (RFC
// 7009 section 2.2): the client wants to be rid of it.
type logout struct {
	out      *web.Responder
	sessions store.Sessions
	access   token.Access
	issuer   issuer
	revoked  *revocations
}

// logoutForm is the body of a logout.
type logoutForm struct{ refreshToken string }

// Fields implements web.Form.
func (f *logoutForm) Fields() []form.Field {
	return []form.Field{form.OptionalString("refreshToken", &f.refreshToken)}
}

func (h logout) route() web.Route {
	return web.Route{
		Pattern: "POST " + wire.LogoutPath, Access: web.Anyone, Limit: web.LimitDefault,
		// Before the body: credentials sent twice are told of first.
		Endpoint: web.Before(func(r *http.Request) error { _, err := web.Bearer(r); return err }, web.Body(h.serve)),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SuccessResponse{}}},
		Errors:   []wire.Code{wire.InvalidRequest, wire.Unauthorized, wire.InvalidToken, wire.TokenExpired},
	}
}

func (h logout) serve(w http.ResponseWriter, r *http.Request, f logoutForm) error {
	access, err := web.Bearer(r)
	if err != nil {
		return err
	}
	refresh := f.refreshToken
	if access == "" && refresh == "" {
		return web.Fail(wire.Unauthorized, "No token provided")
	}

	event := h.issuer.event(r, store.EventLogout)
	if access != "" {
		claims, err := h.access.Verify(access, h.out.Now())
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
	h.out.Respond(w, r, http.StatusOK, wire.SuccessResponse{Success: true, Message: "Signed out successfully"})
	return nil
}
