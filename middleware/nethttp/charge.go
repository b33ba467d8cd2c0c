package nethttp

import (
	"net/http"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware"
)

// Charge returns a middleware for a route inside Guard: it charges the user so
// many credits for each request that succeeds. credits.Charger has the rules.
// It panics as credits.NewCharger and credits.Fixed do.
func Charge(ledger credits.Ledger, operation string, cost int64, opts ...credits.ChargeOption) func(http.Handler) http.Handler {
	return ChargeFunc(ledger, operation, credits.Fixed(cost), opts...)
}

// ChargeFunc is Charge with a cost of the request. A handler that learns the
// real one later reports it with credits.SetCost.
func ChargeFunc(ledger credits.Ledger, operation string, cost credits.CostFunc, opts ...credits.ChargeOption) func(http.Handler) http.Handler {
	charger := credits.NewCharger(ledger, operation, cost, opts...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, denial := middleware.RequireUser(r)
			if denial != nil {
				denial.Write(w, r)
				return
			}
			charge, refusal := charger.Admit(r, user)
			if refusal != nil {
				refusal.Write(w, r)
				return
			}
			_ = charge.Run(w, func(w http.ResponseWriter, r *http.Request) error {
				next.ServeHTTP(w, r)
				return nil // a net/http handler has no error
			})
		})
	}
}
