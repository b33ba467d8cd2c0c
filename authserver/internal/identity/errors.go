package identity

import (
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// The refusals of the use cases. A form.InvalidError says what was wrong with
// an argument. Every other error means that the use case could not decide.
var (
	// ErrEmailTaken means that another user, who was not deleted, has the
	// address.
	ErrEmailTaken = errors.New("the e-mail address is taken")
	// ErrCredentials means that address and password do not belong to a user
	// who may log in.
	ErrCredentials = errors.New("wrong e-mail address or password")
	// ErrPassword means that the password is not the caller's.
	ErrPassword = errors.New("wrong password")
	// ErrRefreshToken means that the refresh token is unknown or spent, or that
	// its session has ended.
	ErrRefreshToken = errors.New("refresh token is not good")
	// ErrRefreshExpired means that the session has expired.
	ErrRefreshExpired = errors.New("refresh token is expired")
	// ErrUserGone means that the user of the refresh token was deleted.
	ErrUserGone = errors.New("the user was deleted")
	// ErrNoToken means that neither an access token nor a refresh token was
	// given.
	ErrNoToken = errors.New("no token")
	// ErrSessionEnded means that the access token is good, and that its session
	// has ended or its user is not active.
	ErrSessionEnded = errors.New("the session has ended")
	// ErrUserNotFound means that nobody has that id or e-mail address, or that
	// the user was deleted and can no longer be changed.
	ErrUserNotFound = errors.New("no such user")
	// ErrSessionNotFound means that no session has that id, or that the session
	// has ended.
	ErrSessionNotFound = errors.New("no such session")
)

// TokenError says why an access token was refused. Reason is an error of
// package token.
type TokenError struct{ Reason error }

func (e *TokenError) Error() string { return "access token: " + e.Reason.Error() }
func (e *TokenError) Unwrap() error { return e.Reason }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
