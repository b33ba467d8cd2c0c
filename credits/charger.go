package credits

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/wire"
)

// The header and the trailer of an answer that was charged for.
const (
	ReservationHeader = "X-Credit-Reservation"
	// TransactionTrailer comes after the body of every answer below 400 without
	// a Content-Length; where nothing is written at all, it is a header.
	TransactionTrailer = "X-Credit-Transaction"
	// KeyHeader makes a request count once.
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

// CostFunc is the cost of a request, in credits, before its handler runs: what
// is reserved. 0 lets it pass without a charge. It must not read the body. An
// error that is an ErrInvalid is a 400; any other one is a 503.
type CostFunc func(r *http.Request) (int64, error)

// Fixed is a cost that is the same for every request. It panics on one that is
// not from 1 to MaxAmount.
func Fixed(cost int64) CostFunc {
	if checkAmount(cost) != nil {
		panic("credits: the cost of an operation must be from 1 to 2^53-1")
	}
	return func(*http.Request) (int64, error) { return cost, nil }
}

// Charger decides about the charge of one operation, for every framework: the
// guards Charge of nethttp, authecho and authgin carry out what it says. It is
// safe for concurrent use.
//
// # What is charged
//
// The cost is reserved before the handler runs, and settled when it returns:
//
//	it answered below 400, or nothing at all   committed
//	it answered 400 or more                    released
//	it failed: an error (Echo, Gin), a panic   released
//	an http.TimeoutHandler around it answered  released
//	the caller went before the answer began    released, and nothing is sent
//	the caller went after that                 committed
//
// Committed is what SetCost said last, and the whole cost if it said nothing,
// so that nobody reads 99 % of a stream for free. A settling that fails is
// logged and told to OnCharge; the credits then return when the reservation
// expires. The caller has the answer by then.
//
// Nothing is sent in the last 15 seconds of a reservation, or in its second
// half if it is shorter than 30: a caller who reads or uploads slowly enough
// would else have the answer for free. One that has begun is cut off and
// charged as if the caller had gone; in place of any other comes a 503.
// A hijacked connection is the handler's own, and so is this limit there.
//
// Every method is charged alike, HEAD and OPTIONS included: their handlers run
// as well. A CostFunc that says 0 lets one pass.
//
// # What the caller gets
//
// Without credits a 402 with wire's InsufficientCreditsBody; without a verdict
// of the ledger a 503 with Retry-After. An answer names its reservation in
// ReservationHeader and its transaction in TransactionTrailer.
//
// A request with an Idempotency-Key runs once per user, operation and body: a
// copy of one that is running or was charged gets a 409, and its handler does
// not run. After a failure, or when the reservation has expired, the same key
// may be tried again, eight times in all. Of the body its length counts and,
// where that is known and at most 64 KiB, what it holds: a longer body is
// never held back, so two that differ in content alone are one request. Give
// each upload a key of its own.
type Charger struct {
	ledger    Ledger
	operation string
	cost      CostFunc
	hold      time.Duration
	log       *slog.Logger
	warn      *rate.Sometimes
	onCharge  func(ChargeInfo)
	write     func(http.ResponseWriter, *http.Request, *Refusal)
	failOpen  *atomic.Uint64
}

// ChargeOption changes what a Charger does.
type ChargeOption func(*Charger)

// HoldFor is how long a reservation waits for its handler, in whole seconds:
// longer than any handler runs, since one that has expired can't be committed.
// Default: 15 minutes. It panics below a second and above a day.
func HoldFor(d time.Duration) ChargeOption {
	if d < time.Second || d > 24*time.Hour || d%time.Second != 0 {
		panic("credits: HoldFor must be whole seconds, from one to a day")
	}
	return func(c *Charger) { c.hold = d }
}

// FailOpen lets handlers run without a charge while the ledger gives no answer
// (ErrUnavailable), and counts them in admitted. It covers that alone: a
// balance that is too low, a replayed key and a refusal of the service key are
// refused as ever, and so is a caller who went away meanwhile. A warning is
// logged, at most once a minute. It panics on nil: whoever gives credits away
// has to count them.
func FailOpen(admitted *atomic.Uint64) ChargeOption {
	if admitted == nil {
		panic("credits: FailOpen without a counter")
	}
	return func(c *Charger) { c.failOpen = admitted }
}

// OnCharge is called once for each request, when it is refused, passes without
// a charge or is settled: for metrics.
func OnCharge(fn func(ChargeInfo)) ChargeOption {
	return func(c *Charger) { c.onCharge = fn }
}

// ChargeLogger hears of what can't be charged. Default: slog.Default.
func ChargeLogger(log *slog.Logger) ChargeOption {
	return func(c *Charger) { c.log = log }
}

// RefuseWith writes the answer to a refused request in place of Refusal.Write.
func RefuseWith(fn func(http.ResponseWriter, *http.Request, *Refusal)) ChargeOption {
	return func(c *Charger) { c.write = fn }
}

// Outcome is what became of a charge.
type Outcome string

// The outcomes of a charge.
const (
	Committed Outcome = "committed"
	Released  Outcome = "released"
	Refused   Outcome = "refused"   // the handler did not run
	Uncharged Outcome = "uncharged" // it ran: the cost was 0, or FailOpen
	Unsettled Outcome = "unsettled" // it ran, and the settling failed
)

// ChargeInfo is one charge.
type ChargeInfo struct {
	Operation     string
	UserID        string
	Outcome       Outcome
	Reserved      int64  // credits
	Charged       int64  // credits; 0 unless Committed
	ReservationID string // empty: none
	TransactionID string // empty: none
	Err           error  // why it was refused, or could not be charged or settled
}

// NewCharger makes the Charger of an operation. The name stands in the ledger
// and in the 402. It panics where the program itself is wrong: without a
// ledger, an operation or a cost.
func NewCharger(ledger Ledger, operation string, cost CostFunc, opts ...ChargeOption) *Charger {
	if ledger == nil || operation == "" || len(operation) > 200 || cost == nil {
		panic("credits: a charge needs a ledger, an operation of at most 200 bytes and a cost")
	}
	c := &Charger{
		ledger: ledger, operation: operation, cost: cost, hold: 15 * time.Minute,
		warn: &rate.Sometimes{First: 1, Interval: time.Minute},
	}
	for _, opt := range opts {
		opt(c)
	}
	c.log = cmp.Or(c.log, slog.Default())
	return c
}

// Admit reserves the cost of r for user. It returns the charge to run the
// handler under or, instead, the reason to refuse; it writes nothing.
func (c *Charger) Admit(r *http.Request, user client.User) (*Charge, *Refusal) {
	cost, err := c.cost(r)
	switch {
	case errors.Is(err, ErrInvalid):
		return nil, c.refuse(r, user, 0, fmt.Errorf("%w: %w", errUnpriced, err), false)
	case err != nil:
		return nil, c.refuse(r, user, 0, err, false)
	case cost < 0 || cost > MaxAmount:
		return nil, c.refuse(r, user, 0, errCost, false)
	case cost == 0:
		return c.uncharged(r, user, nil), nil
	}
	key, sent, err := c.identity(r, user)
	if err != nil {
		return nil, c.refuse(r, user, cost, err, sent)
	}
	asked := time.Now()
	reservation, err := c.reserve(r, user, cost, key, sent)
	switch {
	case err == nil:
		return newCharge(c, r, user, reservation, asked), nil
	case c.failOpen != nil && errors.Is(err, ErrUnavailable) && r.Context().Err() == nil:
		c.failOpen.Add(1)
		c.warn.Do(func() {
			c.log.Warn("requests pass without a charge: the credit ledger gives no answer", "operation", c.operation, "error", err)
		})
		return c.uncharged(r, user, err), nil
	}
	return nil, c.refuse(r, user, cost, err, sent)
}

func (c *Charger) uncharged(r *http.Request, user client.User, err error) *Charge {
	c.tell(ChargeInfo{Operation: c.operation, UserID: user.ID, Outcome: Uncharged, Err: err})
	return &Charge{request: r}
}

func (c *Charger) tell(info ChargeInfo) {
	if c.onCharge != nil {
		c.onCharge(info)
	}
}

// refuse makes the refusal and tells the operator.
func (c *Charger) refuse(r *http.Request, user client.User, cost int64, err error, keySent bool) *Refusal {
	refusal := refusalOf(err, c.operation, keySent)
	refusal.write = c.write
	c.tell(ChargeInfo{Operation: c.operation, UserID: user.ID, Outcome: Refused, Reserved: cost, Err: err})
	if refusal.Status == wire.ServiceUnavailable.Status() {
		c.warn.Do(func() {
			c.log.LogAttrs(r.Context(), slog.LevelWarn, "requests are refused: their charge can't be made",
				slog.String("operation", c.operation), slog.Any("error", err))
		})
	}
	return refusal
}
