package credits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/manacore/manacore-go/client"
)

// errGone is what a handler's writes come to once the caller has gone before
// the answer began.
var errGone = fmt.Errorf("credits: the caller went before the answer began: %w", context.Canceled)

// errLate is what they come to once the reservation is about to expire.
var errLate = errors.New("credits: the reservation is about to expire")

// Charge is one request whose cost is reserved. Run it once.
type Charge struct {
	charger     *Charger // nil: nothing is charged
	user        client.User
	reservation Reservation
	request     *http.Request
	until       time.Time // nothing is sent from then on

	mu    sync.Mutex
	cost  int64 // what SetCost said last
	known bool  // it said something
}

type chargeKey struct{}

// newCharge makes the charge of a request that was reserved for at asked or
// later.
func newCharge(c *Charger, r *http.Request, user client.User, reservation Reservation, asked time.Time) *Charge {
	charge := &Charge{charger: c, user: user, reservation: reservation, until: asked.Add(c.hold - min(settleTime, c.hold/2))}
	charge.request = r.WithContext(context.WithValue(r.Context(), chargeKey{}, charge))
	return charge
}

// SetCost says what the request costs as far as it has got: what is committed
// in place of the whole reservation, and what counts as delivered when the
// caller goes. Of several calls the last one counts; report before you write.
// 0 releases the reservation. More than was reserved is an ErrInvalid, and
// counts as all of it. In a request that is not charged it does nothing.
func SetCost(ctx context.Context, cost int64) error {
	charge, ok := ctx.Value(chargeKey{}).(*Charge)
	if !ok {
		return nil
	}
	return charge.setCost(cost)
}

func (c *Charge) setCost(cost int64) error {
	if cost < 0 {
		return invalid("the cost of a request can't be negative")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost, c.known = min(cost, c.reservation.Amount), true
	if cost > c.reservation.Amount {
		return invalid("the cost of a request can't be above what was reserved")
	}
	return nil
}

// Reserved is what was reserved for the request; false where it is not
// charged.
func Reserved(ctx context.Context) (int64, bool) {
	charge, ok := ctx.Value(chargeKey{}).(*Charge)
	if !ok {
		return 0, false
	}
	return charge.reservation.Amount, true
}

// Run runs the handler of an admitted request with a writer and a request of
// its own, and settles the charge. It returns the handler's error; a panic
// goes on.
func (c *Charge) Run(w http.ResponseWriter, handler func(w http.ResponseWriter, r *http.Request) error) error {
	if c.charger == nil {
		return handler(w, c.request)
	}
	w.Header().Set(ReservationHeader, c.reservation.ID)
	out := &writer{ResponseWriter: w, request: c.request, until: c.until, refuse: c.refuseLate}
	if c.request.Body != nil && c.request.Body != http.NoBody {
		c.request.Body = upload{c.request.Body, out}
	}
	failed := true
	defer func() { c.settle(out, failed) }() // also where the handler panics
	defer out.cutOff()()
	err := handler(out, c.request)
	failed = err != nil
	return err
}

// refuseLate answers in place of a handler whose answer comes too late to be
// charged.
func (c *Charge) refuseLate(w http.ResponseWriter) {
	refusal := refusalOf(errLate, c.charger.operation, false)
	refusal.write = c.charger.write
	clear(w.Header()) // nothing that the handler made gets out
	refusal.Write(w, c.request)
}

// settle commits or releases. Its context is its own: that of a caller who
// went is over.
func (c *Charge) settle(out *writer, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.request.Context()), settleTime)
	defer cancel()
	info := ChargeInfo{Operation: c.charger.operation, UserID: c.user.ID, Reserved: c.reservation.Amount, ReservationID: c.reservation.ID}
	cost := c.due(out, failed)
	if cost == 0 {
		info.Outcome = Released
		info.Err = c.charger.ledger.Release(ctx, c.reservation.ID)
	} else {
		info.Outcome, info.Charged = Committed, cost
		info.TransactionID, info.Err = c.charger.ledger.Commit(ctx, Settlement{c.reservation.ID, cost, c.charger.operation})
	}
	if info.Err != nil {
		c.charger.log.LogAttrs(ctx, slog.LevelError, "a reservation could not be settled and is left to expire",
			slog.String("operation", info.Operation), slog.String("reservation", info.ReservationID),
			slog.String("wanted", string(info.Outcome)), slog.Int64("credits", cost), slog.Any("error", info.Err))
		info.Outcome, info.Charged = Unsettled, 0
	}
	if info.TransactionID != "" {
		out.name(info.TransactionID)
	}
	c.charger.tell(info)
}

// due is what is to be committed; 0: nothing, and the reservation is released.
func (c *Charge) due(out *writer, failed bool) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	delivered := c.reservation.Amount
	if c.known {
		delivered = c.cost
	}
	switch {
	case !out.begun && out.left():
		// Nothing that the handler made gets out, not in the header either.
		clear(out.Header())
		return 0
	case !failed && out.discarded():
		return 0
	case !out.begun && failed, out.status >= http.StatusBadRequest:
		return 0
	case failed && !out.lost.Load() && !errors.Is(c.request.Context().Err(), context.Canceled):
		return 0
	}
	return delivered
}
