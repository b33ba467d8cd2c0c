package charge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/reqctx"
	"github.com/manacore/manacore-go/middleware"
)

// errGone is what a handler's writes come to once the caller has gone before
// the answer began.
var errGone = fmt.Errorf("charge: the caller went before the answer began: %w", context.Canceled)

// errLate is what they come to once the reservation is about to expire.
var errLate = errors.New("charge: the reservation is about to expire")

// Charge is one request whose cost is reserved. Run it once.
type Charge struct {
	guard       *Guard // nil: nothing is charged
	user        client.User
	reservation credits.Reservation
	outer       *http.Request // as the guard got it
	request     *http.Request // as the handler gets it
	until       time.Time     // nothing is sent from then on

	mu    sync.Mutex
	cost  int64 // what SetCost said last
	known bool  // it said something
}

// newCharge makes the charge of a request that was reserved for at asked or
// later.
func newCharge(g *Guard, r *http.Request, user client.User, reservation credits.Reservation, asked time.Time) *Charge {
	hold := g.config.HoldFor
	c := &Charge{guard: g, user: user, reservation: reservation, until: asked.Add(hold - min(settleTime, hold/2))}
	c.into(r)
	return c
}

// newUncharged is the charge of a request that costs nothing.
func newUncharged(r *http.Request) *Charge {
	c := new(Charge)
	c.into(r)
	return c
}

func (c *Charge) into(r *http.Request) {
	c.outer, c.request = r, r.WithContext(context.WithValue(r.Context(), chargeKey{}, c))
}

func chargeOf(ctx context.Context) (*Charge, bool) {
	c, ok := reqctx.Value(ctx, chargeKey{}).(*Charge)
	return c, ok
}

// Run runs the handler of an admitted request with a writer and a request of
// its own, and settles the charge. It returns the handler's error; a panic
// goes on.
func (c *Charge) Run(w http.ResponseWriter, handler func(w http.ResponseWriter, r *http.Request) error) error {
	defer middleware.HandBack(c.outer, c.request)
	if c.guard == nil {
		return handler(w, c.request)
	}
	out := &writer{ResponseWriter: w, request: c.request, reservation: c.reservation.ID, until: c.until, pays: c.pays, refuse: c.refuseLate}
	failed := true
	defer func() { c.settle(out, failed) }() // also where the handler panics
	defer out.cutOff(c.guard.logger())()
	err := handler(out, c.request)
	// What the guard or a time limit did to the answer is no failure of the
	// handler's.
	failed = err != nil && !errors.Is(err, errLate) && !errors.Is(err, http.ErrHandlerTimeout)
	return err
}

// pays tells whether the request is charged as it stands although its caller
// has gone. Such a caller may have what it pays for.
func (c *Charge) pays() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known {
		return c.cost > 0
	}
	return c.guard.config.Durable
}

// refuseLate answers in place of a handler whose answer comes too late to be
// charged.
func (c *Charge) refuseLate(w http.ResponseWriter) {
	denial := c.guard.denial(errLate, false)
	clear(w.Header()) // nothing that the handler made gets out
	middleware.Deny(c.request, denial).Write(w, c.request)
}

// settle commits or releases. Its context is its own: that of a caller who
// went is over.
func (c *Charge) settle(out *writer, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.request.Context()), settleTime)
	defer cancel()
	info := Info{Operation: c.guard.operation, UserID: c.user.ID, Reserved: c.reservation.Amount, ReservationID: c.reservation.ID}
	cost := c.due(out, failed)
	if cost == 0 {
		info.Outcome = Released
		info.Err = c.guard.ledger.Release(ctx, c.reservation.ID)
	} else {
		info.Outcome, info.Charged = Committed, cost
		info.TransactionID, info.Err = c.guard.ledger.Commit(ctx, credits.CommitParams{
			ReservationID: c.reservation.ID, Amount: cost, Operation: c.guard.operation,
		})
	}
	if info.Err != nil {
		c.guard.logger().LogAttrs(ctx, slog.LevelError, "a reservation could not be settled and is left to expire",
			slog.String("operation", info.Operation), slog.String("reservation", info.ReservationID),
			slog.String("wanted", string(info.Outcome)), slog.Int64("credits", cost), slog.Any("error", info.Err))
		info.Outcome, info.Charged = Unsettled, 0
	}
	out.name(info.TransactionID)
	c.guard.report(info)
}

// due is what is to be committed; 0: nothing, and the reservation is released.
func (c *Charge) due(out *writer, failed bool) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	cost := c.reservation.Amount
	if c.known {
		cost = c.cost
	}
	// The handler's word, or the operator's, that there is something to pay for
	// even where nobody got the answer.
	spent := c.known || c.guard.config.Durable
	switch {
	case out.late, out.discarded():
		if !failed && spent {
			return cost
		}
	case out.gone, !out.begun && out.left():
		if c.known || spent && !failed && out.status < http.StatusBadRequest {
			return cost
		}
	case out.begun:
		if out.status < http.StatusBadRequest {
			return cost
		}
	case !failed:
		return cost
	}
	return 0
}
