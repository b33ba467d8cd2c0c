package wire

import "net/http"

// Code is the upper-snake-case error code of the envelope. Clients decide by
// it and never by the message.
type Code string

// The codes of the contract.
const (
	InvalidRequest       Code = "INVALID_REQUEST"
	ValidationFailed     Code = "VALIDATION_FAILED"
	Unauthorized         Code = "UNAUTHORIZED"
	InvalidToken         Code = "INVALID_TOKEN"
	TokenExpired         Code = "TOKEN_EXPIRED"
	InvalidCredentials   Code = "INVALID_CREDENTIALS"
	InsufficientCredits  Code = "INSUFFICIENT_CREDITS"
	Forbidden            Code = "FORBIDDEN"
	NotFound             Code = "NOT_FOUND"
	Conflict             Code = "CONFLICT"
	EmailAlreadyExists   Code = "EMAIL_ALREADY_EXISTS"
	PayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"
	IdempotencyKeyReused Code = "IDEMPOTENCY_KEY_REUSED"
	RateLimited          Code = "RATE_LIMITED"
	AccountLocked        Code = "ACCOUNT_LOCKED"
	Internal             Code = "INTERNAL"
	ServiceUnavailable   Code = "SERVICE_UNAVAILABLE"
)

// statuses is the one table from code to HTTP status.
var statuses = map[Code]int{
	InvalidRequest:      http.StatusBadRequest,
	ValidationFailed:    http.StatusBadRequest,
	Unauthorized:        http.StatusUnauthorized,
	InvalidToken:        http.StatusUnauthorized,
	TokenExpired:        http.StatusUnauthorized,
	InvalidCredentials:  http.StatusUnauthorized,
	InsufficientCredits: http.StatusPaymentRequired,
	Forbidden:           http.StatusForbidden,
	NotFound:            http.StatusNotFound,
	Conflict:            http.StatusConflict,
	EmailAlreadyExists:  http.StatusConflict,
	PayloadTooLarge:     http.StatusRequestEntityTooLarge,
	// 422 and 409 for a reused and a running key: draft-ietf-httpapi-idempotency-key-header-07, section 2.7.
	IdempotencyKeyReused: http.StatusUnprocessableEntity,
	RateLimited:          http.StatusTooManyRequests,
	// 429 and not 403: clients in the field show every 403 as "e-mail not verified".
	AccountLocked:      http.StatusTooManyRequests,
	Internal:           http.StatusInternalServerError,
	ServiceUnavailable: http.StatusServiceUnavailable,
}

// Status is the HTTP status that goes with a code; an unknown code is a 500.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}
