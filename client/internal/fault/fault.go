// Package fault holds the error values that package client exports, so that
// the packages below it can return them.
package fault

import "errors"

// The kinds. Every error of a verification is exactly one of the first three.
var (
	Unauthenticated = errors.New("unauthenticated")
	Forbidden       = errors.New("forbidden")
	Unavailable     = errors.New("auth server unavailable")
	BadRequest      = errors.New("bad request")
)

// The reasons below Unauthenticated.
var (
	NoToken    = New(Unauthenticated, "no token")
	Malformed  = New(Unauthenticated, "malformed token")
	UnknownKey = New(Unauthenticated, "unknown signing key")
	Signature  = New(Unauthenticated, "bad signature")
	Expired    = New(Unauthenticated, "token expired")
	Claims     = New(Unauthenticated, "claims not accepted")
	Rejected   = New(Unauthenticated, "refused by the auth server")
)

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
