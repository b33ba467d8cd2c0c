package credits

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

const retryAfter = 2 * time.Second

// Refusal is why a request may not run, and what to answer.
type Refusal struct {
	Status     int           // 400, 402, 409 or 503
	Message    string        // one of a few fixed texts, with figures on a 402
	RetryAfter time.Duration // whole seconds; zero but on a 503
	Err        error         // for the operator: never send it to the caller

	code  wire.Code
	short *InsufficientError
	write func(http.ResponseWriter, *http.Request, *Refusal)
}

// refusalOf maps an error to an answer. Whatever is not the caller's doing is a
// 503.
func refusalOf(err error, operation string, keySent bool) *Refusal {
	r := &Refusal{code: wire.ServiceUnavailable, Message: "Request failed: credits are unavailable, retry later", Err: err}
	var short *InsufficientError
	switch {
	case errors.As(err, &short):
		r.code = wire.InsufficientCredits
		r.short = &InsufficientError{short.Required, short.Available, operation}
		r.Message = fmt.Sprintf("Not enough credits for %s. Required: %d, Available: %d", operation, short.Required, short.Available)
	case errors.Is(err, errUnpriced):
		r.code, r.Message = wire.InvalidRequest, "The request asks for nothing that has a cost"
	case errors.Is(err, errKey):
		r.code, r.Message = wire.InvalidRequest, "One "+KeyHeader+" of 1 to 255 visible characters is accepted"
	case errors.Is(err, errBody):
		r.code, r.Message = wire.InvalidRequest, "The request body could not be read"
	case errors.Is(err, ErrConflict) && keySent:
		r.code, r.Message = wire.Conflict, "A request with this "+KeyHeader+" is running or was charged"
	}
	r.Status = r.code.Status()
	if r.Status == http.StatusServiceUnavailable {
		r.RetryAfter = retryAfter
	}
	return r
}

// Write answers r: by the Charger's own writer (RefuseWith), with the 402 body
// that clients know, or with the error envelope of the Mana Core services.
func (d *Refusal) Write(w http.ResponseWriter, r *http.Request) {
	if d.write != nil {
		d.write(w, r, d)
		return
	}
	if d.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(d.RetryAfter/time.Second)))
	}
	if d.short != nil {
		wire.Reply(w, r, d.Status, wire.InsufficientCreditsBody{
			StatusCode: d.Status, Error: "Insufficient Credits", Message: d.Message,
			Details: wire.InsufficientDetails{
				RequiredCredits: d.short.Required, AvailableCredits: d.short.Available, CreditType: "user", Operation: d.short.Operation,
			},
		})
		return
	}
	// The path as it was sent, without the query: that may hold a secret.
	wire.Reply(w, r, d.Status, wire.NewEnvelope(d.code, d.Message, r.URL.EscapedPath(), time.Now()))
}
