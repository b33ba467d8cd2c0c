// Package httpcall holds what the SDK's calls to its servers share: which URLs
// may be called, which client the calls go through, how a fault of the network
// is put into words, how an answer is bounded, what a call says about the
// server's health, and when a circuit breaker stops the calls.
package httpcall

import (
	"errors"
	"io"
	"net/http"
)

// AllowRepeat lets net/http send req once more where the connection breaks
// before any of the answer has come, although the method is not an idempotent
// one (RFC 9110 section 9.2.2). It is for a question that changes nothing at the server, or
// one that carries a key under which it takes place once. The body must be one
// that http.NewRequest can rewind.
func AllowRepeat(req *http.Request) {
	// net/http looks for the header's key, and sends a header that has no
	// value nowhere.
	req.Header["X-Idempotency-Key"] = nil
}

// ErrTooLarge is the error of ReadBody for an answer that is over the limit.
var ErrTooLarge = errors.New("the answer is too large")

// ReadBody reads an answer of at most limit bytes. The error is one of Cause or
// ErrTooLarge.
func ReadBody(body io.Reader, limit int64) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, Cause(err)
	}
	if int64(len(answer)) > limit {
		return nil, ErrTooLarge
	}
	return answer, nil
}
