package authserver

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// session tells who the bearer token speaks for.
type session struct {
	out   responder
	guard guard
}

func (h session) serve(w http.ResponseWriter, r *http.Request) error {
	c, err := h.guard.admit(r, "Invalid or expired session")
	if err != nil {
		return err
	}
	h.out.respond(w, r, http.StatusOK, wire.SessionResponse{
		User:    sessionUser(c.user),
		Session: wireSession(c.session, true),
	})
	return nil
}

// userSessions shows a user the own sessions and ends them one by one.
type userSessions struct {
	out      responder
	sessions store.UserSessions
	issuer   issuer
	revoked  *revocations
}

func (h userSessions) list(w http.ResponseWriter, r *http.Request, c caller) error {
	sessions, err := h.sessions.LiveSessions(r.Context(), c.user.ID, h.out.now(), maxListed)
	if err != nil {
		return err
	}
	answer := make([]wire.Session, 0, len(sessions))
	for _, s := range sessions {
		answer = append(answer, wireSession(s, s.ID == c.session.ID))
	}
	h.out.respond(w, r, http.StatusOK, answer)
	return nil
}

func (h userSessions) revoke(w http.ResponseWriter, r *http.Request, c caller) error {
	id := r.PathValue("id")
	if !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return sessionNotFound() // not every database could be asked for it
	}
	ended, err := h.sessions.RevokeUserSession(r.Context(), c.user.ID, id, h.issuer.event(r, store.EventSessionRevoked))
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

func sessionNotFound() error { return fail(wire.NotFound, "Session not found") }

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
