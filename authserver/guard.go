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

// textInvalidToken is the answer of a guarded route to a token that is no good.
const textInvalidToken = "Invalid token"

// guard finds out who a request's bearer token speaks for. It asks the
// database each time: the routes behind it do so anyway.
type guard struct {
	out      responder
	sessions store.Sessions
	access   token.Access
}

// caller is whom a token speaks for, and by which session.
type caller struct {
	session store.Session
	user    store.User
}

// admit is the live session and the active user of the bearer token; ended is
// the text of the refusal where there are none any more.
func (g guard) admit(r *http.Request, ended string) (caller, error) {
	text, err := bearer(r)
	if err != nil {
		return caller{}, err
	}
	if text == "" {
		return caller{}, fail(wire.Unauthorized, "No token provided")
	}
	now := g.out.now()
	claims, err := g.access.Verify(text, now)
	if err != nil {
		return caller{}, invalidToken(err)
	}
	session, user, live, err := liveSession(r.Context(), g.sessions, claims, now)
	if err != nil {
		return caller{}, err
	}
	if !live {
		return caller{}, fail(wire.InvalidToken, ended)
	}
	return caller{session, user}, nil
}

// guarded is an endpoint that needs a caller.
type guarded func(w http.ResponseWriter, r *http.Request, c caller) error

// route makes an endpoint of one that needs a caller.
func (g guard) route(serve guarded) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := g.admit(r, textInvalidToken)
		if err != nil {
			return err
		}
		return serve(w, r, c)
	}
}

// invalidToken is the answer of a guarded route to a token that Verify
// refused.
func invalidToken(reason error) error {
	if errors.Is(reason, token.ErrExpired) {
		return fail(wire.TokenExpired, textInvalidToken)
	}
	return fail(wire.InvalidToken, textInvalidToken)
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
