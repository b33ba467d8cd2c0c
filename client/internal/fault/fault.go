// Package fault holds the error values that package client exports, so that
// the packages below it can return them.
package fault

import "errors"

// The kinds. Every error of a verification is exactly one of the first three.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
	ErrUnavailable     = errors.New("auth server unavailable")
	ErrBadRequest      = errors.New("bad request")
)

// The reasons below ErrUnauthenticated.
var (
	ErrNoToken    = New(ErrUnauthenticated, "no token")
	ErrMalformed  = New(ErrUnauthenticated, "malformed token")
	ErrUnknownKey = New(ErrUnauthenticated, "unknown signing key")
	ErrSignature  = New(ErrUnauthenticated, "bad signature")
	ErrExpired    = New(ErrUnauthenticated, "token expired")
	ErrClaims     = New(ErrUnauthenticated, "claims not accepted")
	ErrRejected   = New(ErrUnauthenticated, "refused by the auth server")
)

// ErrPanic is for a call that the program's own code broke off: a transport, a
// logger or a hook. It says nothing about the auth server.
var ErrPanic error = &Reason{ErrUnavailable, "the program's own code panicked"}

// ErrKeyPending is below ErrUnavailable and says nothing about the auth server,
// which its text therefore does not name: a stranger can bring it about.
var ErrKeyPending error = &Reason{ErrUnavailable, "whether the token's key is published is not known yet"}

// Reason is an error below a kind. Its text is fixed when the program starts,
// so that nothing a stranger sent gets into it, and returning one allocates
// nothing.
type Reason struct {
	parent error
	text   string
}

func (r *Reason) Error() string { return r.text }

// Unwrap is the kind, or the reason of which this one is a case.
func (r *Reason) Unwrap() error { return r.parent }

// New makes a reason below parent, whose text it continues. It is meant for
// package variables.
func New(parent error, text string) error {
	return &Reason{parent, parent.Error() + ": " + text}
}
