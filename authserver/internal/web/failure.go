package web

import (
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// Failure is an error that is answered with its code. Every other error of an
// endpoint means that the request could not be decided, and is answered with
// 503.
type Failure struct {
	Code       wire.Code
	Message    any           // a string or a []string, shown to the caller
	RetryAfter time.Duration // zero: no Retry-After
}

func (f *Failure) Error() string { return string(f.Code) }

// Fail is the Failure of a code and a text.
func Fail(code wire.Code, message string) error { return &Failure{Code: code, Message: message} }

// The texts of 429 and 5xx. Clients in the field keep their tokens only if a
// failed refresh says "request failed", so every route says it.
const (
	TextRateLimited = "Request failed: rate limit exceeded, retry later"
	TextUnavailable = "Request failed: service unavailable, retry later"
	textInternal    = "Request failed: internal error, retry later"
)

// unavailable asks the caller to come back in a second.
func unavailable() *Failure {
	return &Failure{Code: wire.ServiceUnavailable, Message: TextUnavailable, RetryAfter: time.Second}
}
