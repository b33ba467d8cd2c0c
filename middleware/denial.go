package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
)

// retryAfter is the Retry-After of a denial without a verdict.
const retryAfter = 2 * time.Second

// Denial is why a request may not pass, and what to answer. Every guard
// refuses with one, a guard that charges credits too.
type Denial struct {
	// Status is 400, 401, 403 or 503. A guard that charges credits also has 402,
	// 409 and 500.
	Status int
	// Code is the upper-snake-case code of the error envelope, such as
	// INVALID_TOKEN.
	Code string
	// Message is the message of the envelope. It is made of fixed texts and
	// never holds a token.
	Message string
	// Challenge is the value of WWW-Authenticate (RFC 6750 section 3). "": the
	// answer has none, as a 402 or a 503.
	Challenge string
	// RetryAfter is the value of Retry-After, rounded up to whole seconds. 0:
	// the answer has none. Every 503 has one.
	RetryAfter time.Duration
	// Body is sent as JSON in place of the error envelope. nil: the envelope.
	Body any
	// Err is the reason, for the operator. Never send it to the caller.
	Err error
	// DenyWith writes the answer. nil: Write does. A guard sets it to the
	// function of its option DenyWith.
	DenyWith func(http.ResponseWriter, *http.Request, *Denial)
}

// These denials do not come from the Verifier.
var (
	errNobody = fmt.Errorf("%w: the verifier named no user", client.ErrUnavailable)
	errRole   = fmt.Errorf("%w: role not accepted", client.ErrForbidden)
	errTier   = fmt.Errorf("%w: tier too low", client.ErrForbidden)
	errNoUser = fmt.Errorf("%w: no user in the request's context", client.ErrUnauthenticated)
)

// SetHeader sets what every answer to the denial needs, however its body
// looks: the challenge, Retry-After, and that no cache may store it.
func (d *Denial) SetHeader(h http.Header) {
	if d.Challenge != "" {
		h.Set("WWW-Authenticate", d.Challenge)
	}
	if d.RetryAfter > 0 {
		seconds := (d.RetryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	h.Set("Cache-Control", "no-store")
}

// Write answers r: with DenyWith where that is set, else with SetHeader's
// header and Body, or the error envelope of the Mana Core services. An answer
// to HEAD has no body.
func (d *Denial) Write(w http.ResponseWriter, r *http.Request) {
	if d.DenyWith != nil {
		d.DenyWith(w, r, d)
		return
	}
	body := d.Body
	if body == nil {
		// The path as it was sent, without the query: that may hold a secret.
		body = wire.Envelope{
			StatusCode: d.Status,
			Message:    d.Message,
			Error:      wire.Code(d.Code),
			Code:       wire.Code(d.Code),
			Timestamp:  wire.Timestamp(time.Now()),
			Path:       r.URL.EscapedPath(),
		}
	}
	d.SetHeader(w.Header())
	wire.Reply(w, r, d.Status, body)
}

// Deny makes d a denial of the guard around r, for a check inside that guard
// such as a charge: the guard's OnDenial hears of it, and the guard's DenyWith
// writes it unless d has one of its own. Deny logs nothing.
func Deny(r *http.Request, d Denial) *Denial {
	a := refusalsOf(r.Context())
	if d.DenyWith == nil {
		d.DenyWith = a.denyWith
	}
	if a.onDenial != nil {
		a.onDenial(r, &d)
	}
	return &d
}

// denialOf maps an error to an answer in a realm. sent says whether the request
// brought credentials: without them the challenge names no error (RFC 6750
// section 3.1). The order matters: whatever else an error is, an outage is
// never a 401.
func denialOf(err error, realm string, sent bool, scope string) Denial {
	code, message, challenge := wire.ServiceUnavailable, "Request failed: authentication is unavailable, retry later", ""
	switch {
	case errors.Is(err, client.ErrUnavailable):
	case errors.Is(err, client.ErrBadRequest):
		code, message = wire.InvalidRequest, explained("Exactly one bearer token is accepted", err)
		challenge = challengeOf(realm, "invalid_request", explained("exactly one bearer token is accepted", err), "")
	case errors.Is(err, client.ErrForbidden):
		code, message = wire.Forbidden, "Insufficient permissions"
		lacks := "the user lacks the role"
		if errors.Is(err, errTier) {
			lacks = "the user lacks the tier"
		}
		challenge = challengeOf(realm, "insufficient_scope", lacks, scope)
	case !errors.Is(err, client.ErrUnauthenticated):
	case !sent:
		code, message = wire.Unauthorized, explained("No token provided", err)
		challenge = challengeOf(realm, "", "", "")
	case errors.Is(err, client.ErrExpired):
		code, message = wire.TokenExpired, "Invalid token"
		challenge = challengeOf(realm, "invalid_token", "the token expired", "")
	default:
		code, message = wire.InvalidToken, "Invalid token"
		challenge = challengeOf(realm, "invalid_token", "the token is not valid", "")
	}
	d := Denial{Status: code.Status(), Code: string(code), Message: message, Challenge: challenge, Err: err}
	if d.Status == http.StatusServiceUnavailable {
		d.RetryAfter = retryAfter
	}
	return d
}

// explained adds to a message what is wrong with the form of the credentials.
func explained(message string, err error) string {
	if bad, ok := errors.AsType[*credentialsError](err); ok {
		return message + ": " + bad.reason
	}
	return message
}
