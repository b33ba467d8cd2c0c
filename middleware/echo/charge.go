package authecho

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware"
)

// Charge returns a middleware for a route inside Guard: it charges the user so
// many credits for each request that succeeds. credits.Charger has the rules;
// an error that the handler returns is a failure, whatever its status. It
// panics as credits.NewCharger and credits.Fixed do.
func Charge(ledger credits.Ledger, operation string, cost int64, opts ...credits.ChargeOption) echo.MiddlewareFunc {
	return ChargeFunc(ledger, operation, credits.Fixed(cost), opts...)
}

// ChargeFunc is Charge with a cost of the request. A handler that learns the
// real one later reports it with credits.SetCost.
func ChargeFunc(ledger credits.Ledger, operation string, cost credits.CostFunc, opts ...credits.ChargeOption) echo.MiddlewareFunc {
	charger := credits.NewCharger(ledger, operation, cost, opts...)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			user, denial := middleware.RequireUser(c.Request())
			if denial != nil {
				denial.Write(c.Response(), c.Request())
				return nil
			}
			charge, refusal := charger.Admit(c.Request(), user)
			if refusal != nil {
				refusal.Write(c.Response(), c.Request())
				return nil
			}
			inner := c.Response().Writer
			defer func() { c.Response().Writer = inner }()
			return charge.Run(inner, func(w http.ResponseWriter, r *http.Request) error {
				c.Response().Writer = w
				c.SetRequest(r)
				return next(c)
			})
		}
	}
}
