// Package fault holds the error values that package client exports, so that
// the packages below it can return them.
package fault

import "errors"

// The kinds. Every error of a verification is exactly one of them.
var (
	Unauthenticated = errors.New("unauthenticated")
	Forbidden       = errors.New("forbidden")
	Unavailable     = errors.New("auth server unavailable")
	BadRequest      = errors.New("bad request")
)

// The reasons below Unauthenticated.
var (
	NoToken    = reason("no token")
	Malformed  = reason("malformed token")
	UnknownKey = reason("unknown signing key")
	Signature  = reason("bad signature")
	Expired    = reason("token expired")
	Claims     = reason("claims not accepted")
	Rejected   = reason("refused by the auth server")
)

// detail is an error whose kind errors.Is finds. The text is fixed when the
// program starts: nothing that a stranger sent gets into it.
type detail struct {
	parent error
	text   string
}

func (d *detail) Error() string { return d.text }
func (d *detail) Unwrap() error { return d.parent }

func reason(text string) error { return &detail{Unauthenticated, "unauthenticated: " + text} }

// New makes a fixed error below parent, whose text is appended to the
// parent's. Use it for package variables.
func New(parent error, text string) error {
	return &detail{parent, parent.Error() + ": " + text}
}
