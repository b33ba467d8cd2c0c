// Package chargehttp charges for requests to net/http handlers. Package charge
// has the rules and a guide.
package chargehttp

import (
	"net/http"

	"github.com/manacore/manacore-go/middleware/charge"
)

// Charge returns a middleware for a route inside nethttp.Guard: it charges the
// user so many credits for each request that succeeds. It panics as charge.New
// and charge.Fixed do.
func Charge(ledger charge.Ledger, operation string, cost int64) func(http.Handler) http.Handler {
	return ChargeFunc(ledger, operation, charge.Fixed(cost), charge.Config{})
}

// ChargeFunc is Charge with a cost of the request and a Config. A handler that
// learns the real cost later reports it with charge.SetCost.
func ChargeFunc(ledger charge.Ledger, operation string, cost charge.CostFunc, config charge.Config) func(http.Handler) http.Handler {
	guard := charge.New(ledger, operation, cost, config)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			charged, denial := guard.Admit(r)
			if denial != nil {
				denial.Write(w, r)
				return
			}
			_ = charged.Run(w, func(w http.ResponseWriter, r *http.Request) error {
				next.ServeHTTP(w, r)
				return nil // a net/http handler has no error
			})
		})
	}
}
