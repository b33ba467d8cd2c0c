package client

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/internal/reqctx"
)

// User is who a verified token speaks for. It is a plain comparable value:
// hand it around, use it in a map, compare it with ==. Its JSON is the
// CurrentUser of the other Mana Core backends.
type User struct {
	ID        string `json:"userId"`
	Email     string `json:"email"`
	Role      string `json:"role"`
	SessionID string `json:"sessionId"` // empty in tokens of older auth servers
	// Tier is "guest", "public", "beta", "alpha" or "founder", or what else the
	// auth server says. Empty where it says nothing, as tokens of 2025 do in
	// local mode; that is to be taken for "public", as middleware.RequireTier
	// does.
	Tier string `json:"-"`
	// EmailVerified means that the auth server says that the user has shown to
	// receive mail at Email. False where it does not say so, as tokens of 2025 do
	// in local mode.
	EmailVerified bool      `json:"-"`
	IssuedAt      time.Time `json:"-"` // UTC; zero where the token has no iat
	ExpiresAt     time.Time `json:"-"` // UTC

	// Bypass marks the user that package devbypass makes up. A verified token
	// never sets it; guards answer it with the header X-Auth-Bypass.
	Bypass bool `json:"-"`
}

// WithUser returns a context that carries user. In a handler's test it stands
// in for a guard.
func WithUser(ctx context.Context, user User) context.Context {
	with := &reqctx.Guarded[User]{Context: ctx, User: user, Known: true}
	if outer := reqctx.Find[User](ctx); outer != nil {
		with.Guard = outer.Guard
	}
	return with
}

// CurrentUser is the user whom a guard put into the request's context; false
// where there is none: on a public route, for an anonymous caller of an
// optional one, and where no guard ran. ctx is the request's context, one that
// is made from it or, with Gin, the handler's own context.
func CurrentUser(ctx context.Context) (User, bool) {
	guarded := reqctx.Find[User](ctx)
	if guarded == nil {
		return User{}, false
	}
	return guarded.User, guarded.Known
}
