package client

import (
	"context"
	"time"
)

// User is who a verified token speaks for. It is a plain comparable value:
// hand it around, use it in a map, compare it with ==. Its JSON is the
// CurrentUser of the other Mana Core backends.
type User struct {
	ID        string    `json:"userId"`
	Email     string    `json:"email"`
	Role      string    `json:"role"`
	SessionID string    `json:"sessionId"` // empty in tokens of older auth servers
	IssuedAt  time.Time `json:"-"`         // UTC; zero where the token has no iat
	ExpiresAt time.Time `json:"-"`         // UTC

	// Bypass marks the user that package devbypass makes up. A verified token
	// never sets it; guards answer it with the header X-Auth-Bypass.
	Bypass bool `json:"-"`
}

type userKey struct{}

// WithUser returns a context that carries user. The guards call it after a
// verification; in a handler's test it stands in for one.
func WithUser(ctx context.Context, user User) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// CurrentUser is the user whom a guard put into the request's context; false
// where there is none, on a public route or for an anonymous caller of an
// optional one.
func CurrentUser(ctx context.Context) (User, bool) {
	user, ok := ctx.Value(userKey{}).(User)
	return user, ok
}
