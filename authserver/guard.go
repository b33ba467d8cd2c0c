package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// textInvalidToken is the answer of a guarded route to a token that is no good.
const textInvalidToken = "Invalid token"

// guard finds out who a request's bearer token speaks for. It asks the
// database each time: the routes behind it do so anyway.
type guard struct {
	out      *web.Responder
	sessions store.Sessions
	access   token.Access
}

// admit is the live session and the active user of the bearer token; ended is
// the text of the refusal where there are none any more.
func (g guard) admit(r *http.Request, ended string) (identity.Caller, error) {
	text, err := web.Bearer(r)
	if err != nil {
		return identity.Caller{}, err
	}
	if text == "" {
		return identity.Caller{}, web.Fail(wire.Unauthorized, "No token provided")
	}
	now := g.out.Now()
	claims, err := g.access.Verify(text, now)
	if err != nil {
		return identity.Caller{}, invalidToken(err)
	}
	session, user, live, err := liveSession(r.Context(), g.sessions, claims, now)
	if err != nil {
		return identity.Caller{}, err
	}
	if !live {
		return identity.Caller{}, web.Fail(wire.InvalidToken, ended)
	}
	return identity.Caller{Session: session, User: user}, nil
}

// users admits whoever sends a good access token of a live session; ended is as
// for admit.
func (g guard) users(ended string) web.Access {
	return web.Access{
		Name: "user",
		Admit: func(r *http.Request) (context.Context, error) {
			c, err := g.admit(r, ended)
			if err != nil {
				return nil, err
			}
			return identity.WithCaller(r.Context(), c), nil
		},
		Errors: []wire.Code{wire.InvalidRequest, wire.Unauthorized, wire.InvalidToken, wire.TokenExpired},
	}
}

// invalidToken is the answer of a guarded route to a token that Verify
// refused.
func invalidToken(reason error) error {
	if errors.Is(reason, token.ErrExpired) {
		return web.Fail(wire.TokenExpired, textInvalidToken)
	}
	return web.Fail(wire.InvalidToken, textInvalidToken)
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
