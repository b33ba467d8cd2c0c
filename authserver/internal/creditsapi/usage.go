package creditsapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// defaultDays is how many days a query without a first day asks for,
	// including the last day.
	defaultDays = 30
	// maxDays is how many days one query may ask for: a leap year.
	maxDays = 366
)

// usageQuery asks for the days from one to another, both included.
type usageQuery struct {
	from, to       time.Time
	hasFrom, hasTo bool
}

// Params are the parameters of the query.
func (q *usageQuery) Params() []form.Param {
	return []form.Param{
		form.DateParam("from", &q.from, &q.hasFrom),
		form.DateParam("to", &q.to, &q.hasTo),
	}
}

// days returns the first and the last day that a query at now asks for. Without
// a last day it is today in UTC. Without a first day, the query asks for
// defaultDays days.
func (q usageQuery) days(now time.Time) (first, last ledger.Day, err error) {
	last = ledger.DayOf(now)
	if q.hasTo {
		last = ledger.DayOf(q.to)
	}
	first = last - (defaultDays - 1)
	if q.hasFrom {
		first = ledger.DayOf(q.from)
	}
	switch {
	case first > last:
		return 0, 0, invalid("from must not be later than to")
	case last-first >= maxDays:
		return 0, 0, invalid(fmt.Sprintf("from and to must not span more than %d days", maxDays))
	}
	return first, last, nil
}

// answerUsage answers what was spent on the days of q.
func (a *API) answerUsage(w http.ResponseWriter, r *http.Request, q usageQuery, ask ledger.UsageQuery) error {
	var err error
	if ask.First, ask.Last, err = q.days(a.config.Out.Now()); err != nil {
		return err
	}
	list, err := a.config.Ledger.Usage(r.Context(), ask)
	if errors.Is(err, ledger.ErrManyUsages) {
		return invalid(fmt.Sprintf("from and to must not span more than %d entries", ledger.MaxUsages))
	}
	if err != nil {
		return err
	}
	body := wire.CreditUsageResponse{Usage: make([]wire.CreditDayUsage, len(list))}
	for i, u := range list {
		body.Usage[i] = wire.CreditDayUsage{
			AppID: u.AppID, Day: u.Day.Start().Format(time.DateOnly), Used: u.Used, Refunded: u.Refunded, Uses: u.Uses,
		}
	}
	a.config.Out.Respond(w, r, http.StatusOK, body)
	return nil
}
