package charge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware"
)

const retryAfter = 2 * time.Second

var (
	errCost     = errors.New("charge: the cost of a request is not known")
	errUnpriced = errors.New("charge: the request has no cost")
	errKey      = fmt.Errorf("charge: one %s of 1 to 255 visible characters is accepted", KeyHeader)
	errBody     = errors.New("charge: the request's body can't be read")
)

// refuse makes the denial, and reports and logs it for the operator.
func (g *Guard) refuse(r *http.Request, user client.User, cost int64, err error, keySent bool) *middleware.Denial {
	g.report(Info{Operation: g.operation, UserID: user.ID, Outcome: Refused, Reserved: cost, Err: err})
	denial := g.denial(err, keySent)
	g.logger().LogAttrs(r.Context(), slog.LevelDebug, "a request is refused: it is not charged",
		slog.String("operation", g.operation), slog.Int("status", denial.Status), slog.Any("error", err))
	switch {
	case r.Context().Err() != nil: // a caller who went says nothing of the ledger
	case denial.Status == http.StatusServiceUnavailable:
		g.warn.Do(func() {
			g.logger().LogAttrs(r.Context(), slog.LevelWarn, "requests are refused: their charge can't be made",
				slog.String("operation", g.operation), slog.Any("error", err))
		})
	case denial.Status == http.StatusInternalServerError:
		g.warn.Do(func() {
			g.logger().LogAttrs(r.Context(), slog.LevelError, "requests are refused: this service may not charge, and retrying does not help",
				slog.String("operation", g.operation), slog.Any("error", err))
		})
	}
	return middleware.Deny(r, denial)
}

// denial maps an error to an answer. Whatever is neither the caller's doing nor
// a fault of this service's own configuration is a 503.
func (g *Guard) denial(err error, keySent bool) middleware.Denial {
	code, message := wire.ServiceUnavailable, "Request failed: credits are unavailable, retry later"
	var body any
	var short *credits.InsufficientError
	switch {
	case errors.As(err, &short):
		code = wire.InsufficientCredits
		message = fmt.Sprintf("Not enough credits for %s. Required: %d, Available: %d", g.operation, short.Required, short.Available)
		body = wire.InsufficientCreditsBody{
			StatusCode: code.Status(), Error: "Insufficient Credits", Message: message,
			Details: wire.InsufficientDetails{
				RequiredCredits: short.Required, AvailableCredits: short.Available, CreditType: "user", Operation: g.operation,
			},
		}
	case errors.Is(err, errUnpriced):
		code, message = wire.InvalidRequest, "The request asks for nothing that has a cost"
	case errors.Is(err, errKey):
		code, message = wire.InvalidRequest, "One "+KeyHeader+" of 1 to 255 visible characters is accepted"
	case errors.Is(err, errBody):
		code, message = wire.InvalidRequest, "The request body could not be read"
	case errors.Is(err, credits.ErrConflict) && keySent:
		code, message = wire.Conflict, "A request with this "+KeyHeader+" is running or was charged"
	case errors.Is(err, credits.ErrForbidden) && !errors.Is(err, errCost):
		code, message = wire.Internal, "Request failed: this service can't charge for it"
	}
	d := middleware.Denial{Status: code.Status(), Code: string(code), Message: message, Body: body, Err: err, DenyWith: g.config.DenyWith}
	if d.Status == http.StatusServiceUnavailable {
		d.RetryAfter = retryAfter
	}
	return d
}
