// Package chargeecho charges for requests to Echo handlers. Package charge has
// the rules and a guide.
package chargeecho

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/middleware/charge"
)

// Charge returns a middleware for a route inside authecho.Guard: it charges the
// user so many credits for each request that succeeds. An error that the
// handler returns is a failure, whatever its status. It panics as charge.New
// and charge.Fixed do.
func Charge(ledger charge.Ledger, operation string, cost int64) echo.MiddlewareFunc {
	return ChargeFunc(ledger, operation, charge.Fixed(cost), charge.Config{})
}

// ChargeFunc is Charge with a cost of the request and a Config. A handler that
// learns the real cost later reports it with charge.SetCost.
func ChargeFunc(ledger charge.Ledger, operation string, cost charge.CostFunc, config charge.Config) echo.MiddlewareFunc {
	guard := charge.New(ledger, operation, cost, config)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			charged, denial := guard.Admit(c.Request())
			if denial != nil {
				denial.Write(c.Response(), c.Request())
				return nil
			}
			inner := c.Response().Writer
			defer func() { c.Response().Writer = inner }()
			return charged.Run(inner, func(w http.ResponseWriter, r *http.Request) error {
				c.Response().Writer = w
				c.SetRequest(r)
				return next(c)
			})
		}
	}
}
