package credits

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

// errNonsense is an answer of success that is not what was asked for.
var errNonsense = &callError{kind: ErrUnavailable, text: "the ledger's answer is not one to the question", outcome: httpcall.Ill, retry: true}

// keyReused is a 422: another operation has the key.
type keyReused struct{ state string }

func (*keyReused) Error() string { return ErrKeyReused.Error() }
func (*keyReused) Unwrap() error { return ErrKeyReused }

// Is makes it an ErrKeyLapsed where the reservation that has the key came to
// nothing.
func (k *keyReused) Is(target error) bool {
	return target == ErrKeyLapsed && (k.state == wire.ReservationReleased || k.state == wire.ReservationExpired)
}

// refusal is what an answer that is no success means: by its status and its
// code together, so that the page of a proxy, or of another service at a wrong
// URL, is no verdict.
func refusal(op call, resp *http.Response, doc []byte) error {
	var envelope struct {
		StatusCode int       `json:"statusCode"`
		Code       wire.Code `json:"code"`
		Details    struct {
			Required  *int64 `json:"requiredCredits"`
			Available *int64 `json:"availableCredits"`
			State     string `json:"state"`
		} `json:"details"`
	}
	status := resp.StatusCode
	if err := json.Unmarshal(doc, &envelope); err != nil || envelope.StatusCode != status {
		return noVerdict(resp)
	}
	details := envelope.Details
	answered := func(kind error, retry bool) error {
		return &callError{kind: kind, text: fmt.Sprintf("status %d, %s", status, envelope.Code), outcome: httpcall.Well, retry: retry}
	}
	switch verdict := (answerKind{status, envelope.Code}); verdict {
	case answerKind{http.StatusPaymentRequired, wire.InsufficientCredits}:
		if op.required == 0 || details.Required == nil || details.Available == nil || *details.Required != op.required ||
			*details.Available < 0 || *details.Available >= op.required {
			return errNonsense
		}
		return &InsufficientError{Required: op.required, Available: *details.Available, Operation: op.operation}
	case answerKind{http.StatusUnprocessableEntity, wire.IdempotencyKeyReused}:
		return &keyReused{details.State}
	case answerKind{http.StatusConflict, wire.Conflict}:
		return answered(ErrConflict, op.conflictPasses)
	case answerKind{http.StatusBadRequest, wire.ValidationFailed},
		answerKind{http.StatusBadRequest, wire.InvalidRequest},
		answerKind{http.StatusRequestEntityTooLarge, wire.PayloadTooLarge}:
		return answered(ErrInvalid, false)
	case answerKind{http.StatusNotFound, wire.NotFound}:
		return answered(ErrNotFound, false)
	case answerKind{http.StatusUnauthorized, wire.Unauthorized},
		answerKind{http.StatusUnauthorized, wire.InvalidCredentials},
		answerKind{http.StatusForbidden, wire.Forbidden}:
		return answered(ErrForbidden, false)
	}
	return noVerdict(resp)
}

// answerKind is what a verdict is told by.
type answerKind struct {
	status int
	code   wire.Code
}

// noVerdict is an answer that decides nothing. Below 500 it does not say
// either whether the ledger is well: 429, a redirect, a gateway's 401.
func noVerdict(resp *http.Response) error {
	e := &callError{kind: ErrUnavailable, text: fmt.Sprintf("status %d", resp.StatusCode), outcome: httpcall.Unknown}
	if resp.StatusCode >= http.StatusInternalServerError {
		e.outcome = httpcall.Ill
	}
	e.retry = e.outcome == httpcall.Ill || resp.StatusCode == http.StatusTooManyRequests
	if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 16); err == nil {
		e.after = time.Duration(seconds) * time.Second
	}
	return e
}
