package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// session tells who the bearer token speaks for.
type session struct {
	out      responder
	sessions store.Sessions
	access   token.Access
}

func (h session) serve(w http.ResponseWriter, r *http.Request) error {
	text, err := bearer(r)
	if err != nil {
		return err
	}
	if text == "" {
		return fail(wire.Unauthorized, "No token provided")
	}
	now := h.out.now()
	claims, err := h.access.Verify(text, now)
	if err != nil {
		return invalidToken(err)
	}
	session, user, live, err := liveSession(r.Context(), h.sessions, claims, now)
	if err != nil {
		return err
	}
	if !live {
		return fail(wire.InvalidToken, "Invalid or expired session")
	}
	h.out.respond(w, r, http.StatusOK, wire.SessionResponse{
		User:    sessionUser(user),
		Session: wireSession(session, true),
	})
	return nil
}

// invalidToken is the answer of a guarded route to a token that Verify
// refused.
func invalidToken(reason error) error {
	if errors.Is(reason, token.ErrExpired) {
		return fail(wire.TokenExpired, "Invalid token")
	}
	return fail(wire.InvalidToken, "Invalid token")
}

// liveSession finds the session and the user of verified claims. live is
// false if the session ended or the user was deleted or disabled.
func liveSession(ctx context.Context, sessions store.Sessions, c token.Claims, now time.Time) (session store.Session, user store.User, live bool, err error) {
	session, user, err = sessions.Session(ctx, c.Sid)
	if errors.Is(err, store.ErrNotFound) {
		return store.Session{}, store.User{}, false, nil
	}
	if err != nil {
		return store.Session{}, store.User{}, false, err
	}
	return session, user, session.Live(now) && user.Active() && user.ID == c.Sub, nil
}

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
