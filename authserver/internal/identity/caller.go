package identity

import (
	"context"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Caller is the user that an access token speaks for, and the session that it
// belongs to.
type Caller struct {
	Session store.Session
	User    store.User
}

// Authenticate finds out whom an access token speaks for. It asks the database
// each time, because the use cases that follow do so anyway. The error is a
// TokenError or ErrSessionEnded where the token speaks for nobody.
func (s *Service) Authenticate(ctx context.Context, access string) (Caller, error) {
	now := s.config.Clock.Now()
	claims, err := s.config.Access.Verify(access, now)
	if err != nil {
		return Caller{}, &TokenError{err}
	}
	session, user, ok, err := s.Live(ctx, claims, now)
	if err != nil {
		return Caller{}, err
	}
	if !ok {
		return Caller{}, ErrSessionEnded
	}
	return Caller{Session: session, User: user}, nil
}

type callerKey struct{}

// WithCaller is a context in which CallerFrom finds the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom finds the caller of a request that was admitted. It is the zero
// Caller where no caller was.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
