package authserver

import (
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// failure is an answer that is not the one asked for. Every other error that
// a handler returns is one of the server's own, and is answered with 503: the
// request could not be decided.
type failure struct {
	code       wire.Code
	message    any           // a string or a []string, shown to the caller
	retryAfter time.Duration // zero: no Retry-After
}

func (f *failure) Error() string { return string(f.code) }

func fail(code wire.Code, message string) error { return &failure{code: code, message: message} }

// The texts of 429 and 5xx. Clients in the field keep their tokens only if a
// failed refresh says "request failed", so every route says it.
const (
	textRateLimited = "Request failed: rate limit exceeded, retry later"
	textUnavailable = "Request failed: service unavailable, retry later"
	textInternal    = "Request failed: internal error, retry later"
)

// unavailable asks the caller to come back in a second.
func unavailable() *failure {
	return &failure{wire.ServiceUnavailable, textUnavailable, time.Second}
}
