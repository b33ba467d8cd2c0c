package charge

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/middleware"
)

// Config is how a Guard charges. Every zero value is a working one.
type Config struct {
	// HoldFor is how long a reservation waits for its handler, in whole seconds
	// from one second to a day. It has to be longer than any handler runs,
	// since a reservation that has expired can't be committed. 0: 15 minutes.
	HoldFor time.Duration
	// Durable charges whenever the handler succeeds, also where the caller has
	// gone and where a time limit answered in its place. It is for handlers
	// that leave something behind, which the caller can fetch later. false: who
	// got nothing pays nothing.
	Durable bool
	// FailOpen is how many requests a minute may run without a charge while the
	// ledger gives no answer (credits.ErrUnavailable), all users of this Guard
	// together. It covers that alone: too few credits, a copy of a request and a
	// service key that is not taken are refused as ever, and so is a caller who
	// went meanwhile. Each is reported to OnCharge as Uncharged, and a warning is
	// logged once a minute. 0: none, they get a 503.
	//
	// It is a bucket that is full at the start, holds FailOpen requests and fills
	// evenly within a minute: twice as many can pass in the first minute of an
	// outage. Each process has one for each Guard, so three replicas give away
	// three times as much.
	//
	// A flood finds the bucket as everybody does. One user who sends enough
	// requests uses all of it, and the other users get a 503; a flood that brings
	// the ledger down has FailOpen requests a minute for free as long as it
	// lasts. Set it to what one replica may lose in a minute, and limit requests
	// by user in front of the Guard.
	FailOpen int
	// OnCharge is called once for each request, when it is refused, passes
	// without a charge or is settled: for metrics. nil: nothing is.
	OnCharge func(Info)
	// DenyWith writes the answer to a refused request. nil: as the guard around
	// the route does, which is middleware.Denial.Write unless that has a
	// DenyWith. The OnDenial of that guard hears of these denials as well.
	DenyWith func(http.ResponseWriter, *http.Request, *middleware.Denial)
	// Logger hears of what can't be charged: an outage at most once a minute, and
	// every refusal at debug level. nil: slog.Default, at each line.
	Logger *slog.Logger
}

// validate panics where the program itself is wrong.
func (c Config) validate() {
	if c.HoldFor != 0 && (c.HoldFor < time.Second || c.HoldFor > 24*time.Hour || c.HoldFor%time.Second != 0) {
		panic("charge: Config.HoldFor is " + c.HoldFor.String() + ", and must be whole seconds, from one to a day")
	}
	if c.FailOpen < 0 {
		panic("charge: Config.FailOpen is negative")
	}
}

// Outcome is what became of a charge.
type Outcome string

// These are the outcomes of a charge.
const (
	Committed Outcome = "committed"
	Released  Outcome = "released"
	Refused   Outcome = "refused"   // the handler did not run
	Uncharged Outcome = "uncharged" // it ran: the cost was 0, or FailOpen let it pass
	Unsettled Outcome = "unsettled" // it ran, and the settling failed
)

// Info is one charge. Amounts are in credits.
type Info struct {
	Operation     string
	UserID        string
	Outcome       Outcome
	Reserved      int64
	Charged       int64  // 0 unless Committed
	ReservationID string // "": none
	TransactionID string // "": none
	Err           error  // why it was refused, or could not be charged or settled
}
