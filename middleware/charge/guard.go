package charge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/isnil"
	"github.com/manacore/manacore-go/middleware"
)

// These are the names of what a charged request and its answer carry.
const (
	// ReservationHeader of an answer is the id of what was reserved for it.
	ReservationHeader = "X-Credit-Reservation"
	// TransactionTrailer is the id of the transaction. It comes after the body
	// of every answer below 400 without a Content-Length; where nothing is
	// written at all, it is a header.
	TransactionTrailer = "X-Credit-Transaction"
	// KeyHeader of a request makes it count once.
	KeyHeader = "Idempotency-Key"
)

const (
	// maxHashed is the longest request body that counts for the identity of a
	// request, in bytes.
	maxHashed = 64 << 10
	// maxTries is how often an Idempotency-Key may be tried again whose request
	// came to nothing.
	maxTries = 8
	// settleTime bounds the settling of a reservation.
	settleTime = 15 * time.Second
)

// Ledger is what a Guard needs of a ledger. *credits.Client is one. Reserve has
// to do as credits.ReserveParams.ReleaseIfUnknown says: what it may have set
// aside for a request that the guard then refuses would otherwise be out of the
// user's reach until it expires.
type Ledger interface {
	Reserve(ctx context.Context, params credits.ReserveParams) (credits.Reservation, error)
	Commit(ctx context.Context, params credits.CommitParams) (transactionID string, err error)
	Release(ctx context.Context, reservationID string) error
}

// CostFunc is the cost of a request, in credits, before its handler runs: what
// is reserved. 0 lets it pass without a charge. It must not read the body. An
// error that is a credits.ErrInvalid is a 400; any other one is a 503.
type CostFunc func(r *http.Request) (int64, error)

// Fixed is a cost that is the same for every request. It panics on one that is
// not from 1 to credits.MaxAmount.
func Fixed(cost int64) CostFunc {
	if cost < 1 || cost > credits.MaxAmount {
		panic(fmt.Sprintf("charge: the cost is %d, and must be from 1 to 2^53-1 credits", cost))
	}
	return func(*http.Request) (int64, error) { return cost, nil }
}

// Guard decides about the charge of one operation, for every framework. It is
// safe for concurrent use.
type Guard struct {
	ledger    Ledger
	operation string
	cost      CostFunc
	config    Config
	warn      *rate.Sometimes
	failOpen  *rate.Limiter // nil: never
}

// New makes the Guard of an operation, whose name stands in the ledger and in
// the 402. It panics where the program itself is wrong: without a ledger, an
// operation of 1 to 200 bytes or a cost, and with a Config that says what it
// may not.
func New(ledger Ledger, operation string, cost CostFunc, config Config) *Guard {
	switch {
	case isnil.Is(ledger):
		panic(fmt.Sprintf("charge: the ledger of operation %q is nil (%T): look at the error of the call that made it, such as credits.FromEnv", operation, ledger))
	case operation == "" || len(operation) > 200:
		panic(fmt.Sprintf("charge: the operation is %q, and must be of 1 to 200 bytes", operation))
	case cost == nil:
		panic(fmt.Sprintf("charge: the cost of operation %q is nil", operation))
	}
	config.validate()
	config.HoldFor = cmp.Or(config.HoldFor, 15*time.Minute)
	g := &Guard{
		ledger: ledger, operation: operation, cost: cost, config: config,
		warn: &rate.Sometimes{First: 1, Interval: time.Minute},
	}
	if n := config.FailOpen; n > 0 {
		g.failOpen = rate.NewLimiter(rate.Limit(n)/60, n)
	}
	return g
}

// Admit reserves the cost of r for the user whom the guard around the route
// put into its context. It returns the charge to run the handler under or,
// instead, the reason to refuse; it writes nothing.
func (g *Guard) Admit(r *http.Request) (*Charge, *middleware.Denial) {
	user, denial := middleware.RequireUser(r)
	if denial != nil {
		return nil, denial
	}
	cost, err := g.cost(r)
	switch {
	case errors.Is(err, credits.ErrInvalid):
		return nil, g.refuse(r, user, 0, fmt.Errorf("%w: %w", errUnpriced, err), false)
	case err != nil:
		return nil, g.refuse(r, user, 0, fmt.Errorf("%w: %w", errCost, err), false)
	case cost < 0 || cost > credits.MaxAmount:
		return nil, g.refuse(r, user, 0, fmt.Errorf("%w: the function returned %d", errCost, cost), false)
	case cost == 0:
		return g.uncharged(r, user, nil), nil
	}
	key, sent, err := g.identity(r, user)
	if err != nil {
		return nil, g.refuse(r, user, cost, err, sent)
	}
	asked := time.Now()
	reservation, err := g.reserve(r, user, cost, key, sent)
	switch {
	case err == nil:
		return newCharge(g, r, user, reservation, asked), nil
	case errors.Is(err, credits.ErrUnavailable) && r.Context().Err() == nil && g.failOpen != nil && g.failOpen.Allow():
		g.warn.Do(func() {
			g.logger().Warn("requests pass without a charge: the credit ledger gives no answer", "operation", g.operation, "error", err)
		})
		return g.uncharged(r, user, err), nil
	}
	return nil, g.refuse(r, user, cost, err, sent)
}

func (g *Guard) uncharged(r *http.Request, user client.User, err error) *Charge {
	g.report(Info{Operation: g.operation, UserID: user.ID, Outcome: Uncharged, Err: err})
	return newUncharged(r)
}

// logger is asked for each time: a program may set slog.Default once its guards
// are made.
func (g *Guard) logger() *slog.Logger { return cmp.Or(g.config.Logger, slog.Default()) }

func (g *Guard) report(info Info) {
	if g.config.OnCharge != nil {
		g.config.OnCharge(info)
	}
}
