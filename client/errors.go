package client

import "github.com/manacore/manacore-go/client/internal/fault"

// The kinds of failure. Every error of Verify is exactly one of the first
// three by errors.Is; ErrBadRequest comes from the guards. Error texts are
// for the operator's log: they never carry a token, a claim or anything else
// that the caller sent.
var (
	// ErrUnauthenticated: the credentials are missing or not good. HTTP 401.
	ErrUnauthenticated = fault.ErrUnauthenticated
	// ErrForbidden: the user is known and may not do this. HTTP 403.
	ErrForbidden = fault.ErrForbidden
	// ErrUnavailable: no verdict could be reached. HTTP 503 with Retry-After,
	// never 401: clients wipe their sessions on a 401.
	ErrUnavailable = fault.ErrUnavailable
	// ErrBadRequest: the request sends credentials twice, or in a form that
	// is no credential at all. HTTP 400.
	ErrBadRequest = fault.ErrBadRequest
)

// Why a token is not good. Each is an ErrUnauthenticated.
var (
	// ErrNoToken: the token is empty.
	ErrNoToken = fault.ErrNoToken
	// ErrMalformed: not a compact JWS of the accepted form, or too large.
	ErrMalformed = fault.ErrMalformed
	// ErrUnknownKey: the issuer publishes no key of this kid.
	ErrUnknownKey = fault.ErrUnknownKey
	// ErrSignature: the signature does not verify.
	ErrSignature = fault.ErrSignature
	// ErrExpired: good but for its age, "on or after" exp plus the leeway
	// (RFC 7519 section 4.1.4).
	ErrExpired = fault.ErrExpired
	// ErrClaims: issuer, audience, times or another claim is missing or not
	// the accepted one.
	ErrClaims = fault.ErrClaims
	// ErrRejected: the auth server said no in remote mode, for instance
	// because the session was revoked.
	ErrRejected = fault.ErrRejected
)

// ErrKeyPending is an ErrUnavailable that says nothing about the auth server: the
// issuer publishes no key of the token's kid that is known yet, and the next look
// at the key set is too far away, too many tokens wait for it, or a cache on the
// way answered it with an older set. A stranger who makes up kids can bring it
// about, for tokens whose kid is not known.
var ErrKeyPending = fault.ErrKeyPending
