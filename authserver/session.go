package authserver

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// session tells who the bearer token speaks for.
type session struct {
	out   *web.Responder
	guard guard
}

func (h session) route() web.Route {
	return web.Route{
		Pattern: "GET " + wire.SessionPath, Access: h.guard.users("Invalid or expired session"), Limit: web.LimitDefault,
		Endpoint: web.Plain(h.serve),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.SessionResponse{}}},
	}
}

func (h session) serve(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	h.out.Respond(w, r, http.StatusOK, wire.SessionResponse{
		User:    sessionUser(c.User),
		Session: wireSession(c.Session, true),
	})
	return nil
}

// userSessions shows a user the own sessions and ends them one by one.
type userSessions struct {
	out      *web.Responder
	sessions store.UserSessions
	issuer   issuer
	revoked  *revocations
}

func (h userSessions) routes(users web.Access) []web.Route {
	return []web.Route{
		{
			Pattern: "GET " + wire.SessionsPath, Access: users, Limit: web.LimitDefault,
			Endpoint: web.Plain(h.list),
			Answers:  []web.Answer{{Status: http.StatusOK, Body: []wire.Session{}}},
		},
		{
			Pattern: "DELETE " + wire.SessionsPath + "/{id}", Access: users, Limit: web.LimitDefault,
			Endpoint: web.Plain(h.revoke),
			Answers:  []web.Answer{{Status: http.StatusNoContent}},
			Errors:   []wire.Code{wire.NotFound},
		},
	}
}

func (h userSessions) list(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	sessions, err := h.sessions.LiveSessions(r.Context(), c.User.ID, h.out.Now(), maxListed)
	if err != nil {
		return err
	}
	answer := make([]wire.Session, 0, len(sessions))
	for _, s := range sessions {
		answer = append(answer, wireSession(s, s.ID == c.Session.ID))
	}
	h.out.Respond(w, r, http.StatusOK, answer)
	return nil
}

func (h userSessions) revoke(w http.ResponseWriter, r *http.Request) error {
	c := identity.CallerFrom(r.Context())
	id := r.PathValue("id")
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return sessionNotFound() // not every database could be asked for it
	}
	ended, err := h.sessions.RevokeUserSession(r.Context(), c.User.ID, id, h.issuer.event(r, store.EventSessionRevoked))
	if err != nil {
		return err
	}
	if len(ended) == 0 {
		return sessionNotFound()
	}
	h.revoked.note(ended)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func sessionNotFound() error { return web.Fail(wire.NotFound, "Session not found") }

func wireSession(s store.Session, current bool) wire.Session {
	return wire.Session{
		ID:             s.ID,
		IPAddress:      nullable(s.IPAddress),
		UserAgent:      nullable(s.UserAgent),
		DeviceID:       nullable(s.DeviceID),
		DeviceName:     nullable(s.DeviceName),
		LastActivityAt: wire.Timestamp(s.LastActivityAt),
		CreatedAt:      wire.Timestamp(s.CreatedAt),
		ExpiresAt:      wire.Timestamp(s.ExpiresAt),
		Current:        current,
	}
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
