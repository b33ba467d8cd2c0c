package authapi

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

func (a *API) sessionRoute() web.Route {
	return web.Route{
		Pattern: "GET " + wire.SessionPath, Access: a.users("Invalid or expired session"), Limit: web.LimitDefault,
		Endpoint: web.Plain(a.session),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SessionResponse{}}},
	}
}

// session answers with the user and the session of the access token.
func (a *API) session(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	a.Out.Respond(w, r, http.StatusOK, wire.SessionResponse{
		User:    sessionUser(c.User),
		Session: wireSession(c.Session, true),
	})
	return nil
}

func (a *API) sessionsRoute() web.Route {
	return web.Route{
		Pattern: "GET " + wire.SessionsPath, Access: a.Users(), Limit: web.LimitDefault,
		Endpoint: web.Plain(a.sessions),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: []wire.Session{}}},
	}
}

func (a *API) sessions(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	sessions, err := a.Identity.Sessions(r.Context(), c.User.ID)
	if err != nil {
		return err
	}
	answer := make([]wire.Session, 0, len(sessions))
	for _, s := range sessions {
		answer = append(answer, wireSession(s, s.ID == c.Session.ID))
	}
	a.Out.Respond(w, r, http.StatusOK, answer)
	return nil
}

func (a *API) endSessionRoute() web.Route {
	return web.Route{
		Pattern: "DELETE " + wire.SessionsPath + "/{id}", Access: a.Users(), Limit: web.LimitDefault,
		Endpoint: web.Plain(a.endSession),
		Answers:  []web.Answer{{Status: http.StatusNoContent}},
		Errors:   []wire.Code{wire.NotFound},
	}
}

func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	if err := a.Identity.EndSession(r.Context(), a.origin(r), c.User.ID, r.PathValue("id")); err != nil {
		return refused(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func wireSession(s store.Session, current bool) wire.Session {
	return wire.Session{
		ID:             s.ID,
		IPAddress:      web.Nullable(s.IPAddress),
		UserAgent:      web.Nullable(s.UserAgent),
		DeviceID:       web.Nullable(s.DeviceID),
		DeviceName:     web.Nullable(s.DeviceName),
		LastActivityAt: wire.Timestamp(s.LastActivityAt),
		CreatedAt:      wire.Timestamp(s.CreatedAt),
		ExpiresAt:      wire.Timestamp(s.ExpiresAt),
		Current:        current,
	}
}
