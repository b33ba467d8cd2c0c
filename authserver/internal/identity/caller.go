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

// Authenticate finds out whom an access token speaks for. It asks the database
// each time: the use cases behind it do so anyway. A TokenError or
// ErrSessionEnded where it speaks for nobody.
func (s *Service) Authenticate(ctx context.Context, access string) (Caller, error) {
	now := s.Clock.Now()
	claims, err := s.Access.Verify(access, now)
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

// CallerFrom finds the caller of a request that was admitted; the zero Caller
// where none was.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
