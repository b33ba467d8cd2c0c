package charge

import (
	"context"
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/credits"
)

// ErrNotCharged says that a context is not that of a request behind a Guard.
var ErrNotCharged = errors.New("charge: the context is not that of a charged request: hand over the request's own, and put the charge in front of the handler")

type chargeKey struct{}

// SetCost says what the request costs as far as it has got: what is committed
// in place of the whole reservation. Of several calls the last one counts;
// report before you write. 0 releases the reservation. More than 0 is charged
// although the caller has gone meanwhile. A cost below zero changes nothing and
// is a credits.ErrInvalid; more than was reserved is one too, and counts as all
// of it.
//
// ctx is the request's context, one that is made from it or, with Gin, the
// handler's own context. Any other one is an ErrNotCharged. Behind a Guard that
// charges nothing for this request SetCost does nothing.
func SetCost(ctx context.Context, cost int64) error {
	charge, ok := chargeOf(ctx)
	if !ok {
		return ErrNotCharged
	}
	return charge.setCost(cost)
}

// Reserved is what was reserved for the request, in credits; false where it is
// not charged. ctx is as for SetCost.
func Reserved(ctx context.Context) (int64, bool) {
	charge, ok := chargeOf(ctx)
	if !ok || charge.guard == nil {
		return 0, false
	}
	return charge.reservation.Amount, true
}

func (c *Charge) setCost(cost int64) error {
	if cost < 0 {
		return fmt.Errorf("%w: the cost of a request is %d, and can't be negative", credits.ErrInvalid, cost)
	}
	if c.guard == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost, c.known = min(cost, c.reservation.Amount), true
	if cost > c.reservation.Amount {
		return fmt.Errorf("%w: the cost of a request is %d, and %d were reserved", credits.ErrInvalid, cost, c.reservation.Amount)
	}
	return nil
}
