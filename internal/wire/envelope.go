package wire

import "time"

// TimeFormat is how the contract writes an instant: UTC, milliseconds, Z.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Timestamp writes t in TimeFormat.
func Timestamp(t time.Time) string { return t.UTC().Format(TimeFormat) }

// Envelope is the body of every error. Error and Code carry the same value, but
// for the codes that are others in 2026: one generation of clients reads the
// one, the next reads the other.
type Envelope struct {
	StatusCode int    `json:"statusCode"`
	Message    any    `json:"message"` // a string, or a []string with one entry a failed constraint
	Error      Code   `json:"error"`
	Code       Code   `json:"code"`
	Timestamp  string `json:"timestamp"`
	Path       string `json:"path"`
	Status     int    `json:"status,omitzero"` // StatusCode, for clients of 2026
	// RetryAfter is the Retry-After of the answer in seconds, for clients of
	// 2026. Zero: there is none.
	RetryAfter int `json:"retryAfterSec,omitzero"`
}

// NewEnvelope fills an envelope for code. message is a string or a []string.
func NewEnvelope(code Code, message any, path string, now time.Time) Envelope {
	return Envelope{
		StatusCode: code.Status(),
		Status:     code.Status(),
		Message:    message,
		Error:      code,
		Code:       code,
		Timestamp:  Timestamp(now),
		Path:       path,
	}
}
