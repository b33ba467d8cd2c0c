package identity

import (
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Why a use case refuses. Every other error means that it could not be decided,
// or is one of form.InvalidError, which tells what was wrong with an argument.
var (
	// ErrEmailTaken: another user, perhaps a deleted one, has the address.
	ErrEmailTaken = errors.New("the e-mail address is taken")
	// ErrCredentials: nobody has that address and that password, or may not log
	// in.
	ErrCredentials = errors.New("wrong e-mail address or password")
	// ErrPassword: the password is not the caller's.
	ErrPassword = errors.New("wrong password")
	// ErrRefreshToken: the refresh token is unknown, spent, or its session
	// ended.
	ErrRefreshToken = errors.New("refresh token is not good")
	// ErrRefreshExpired: the session is over its expiry.
	ErrRefreshExpired = errors.New("refresh token is expired")
	// ErrUserGone: the user of the refresh token was deleted.
	ErrUserGone = errors.New("the user was deleted")
	// ErrNoToken: neither an access nor a refresh token was given.
	ErrNoToken = errors.New("no token")
	// ErrSessionEnded: the access token is good and its session has ended, or
	// its user is not active.
	ErrSessionEnded = errors.New("the session has ended")
	// ErrUserNotFound: nobody has that id or e-mail address, or the user was
	// deleted and cannot be changed any more.
	ErrUserNotFound = errors.New("no such user")
	// ErrSessionNotFound: no session has that id, or it has ended.
	ErrSessionNotFound = errors.New("no such session")
)

// TokenError says why an access token was refused: Reason is an error of package
// token.
type TokenError struct{ Reason error }

func (e *TokenError) Error() string { return "access token: " + e.Reason.Error() }
func (e *TokenError) Unwrap() error { return e.Reason }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
