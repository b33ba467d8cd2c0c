// Package identity holds the rules of users and their sessions.
package identity

import (
	"context"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Caller is whom an access token speaks for, and by which session.
type Caller struct {
	Session store.Session
	User    store.User
}

type callerKey struct{}

// WithCaller is a context in which CallerFrom finds the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom finds the caller of a request that was admitted; the zero Caller
// where none was.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
