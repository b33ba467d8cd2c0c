// Package chargegin charges for requests to Gin handlers. Package charge has
// the rules and a guide.
package chargegin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/middleware/charge"
)

var errAnswered = errors.New("chargegin: the handler answered with an error status")

// Charge returns a middleware for a route inside authgin.Guard: it charges the
// user so many credits for each request that succeeds. An error that the
// handler gives to c.Error is a failure, whatever its status. It panics as
// charge.New and charge.Fixed do.
func Charge(ledger charge.Ledger, operation string, cost int64) gin.HandlerFunc {
	return ChargeFunc(ledger, operation, charge.Fixed(cost), charge.Config{})
}

// ChargeFunc is Charge with a cost of the request and a Config. A handler that
// learns the real cost later reports it with charge.SetCost.
func ChargeFunc(ledger charge.Ledger, operation string, cost charge.CostFunc, config charge.Config) gin.HandlerFunc {
	guard := charge.New(ledger, operation, cost, config)
	return func(c *gin.Context) {
		charged, denial := guard.Admit(c.Request)
		if denial != nil {
			c.Abort()
			denial.Write(c.Writer, c.Request)
			return
		}
		inner := c.Writer
		defer func() { c.Writer = inner }()
		before := len(c.Errors)
		_ = charged.Run(inner, func(w http.ResponseWriter, r *http.Request) error {
			c.Writer, c.Request = &watched{inner, w}, r
			c.Next()
			if len(c.Errors) > before {
				return c.Errors.Last()
			}
			if !inner.Written() && inner.Status() >= http.StatusBadRequest {
				return errAnswered // Gin sends it after the last middleware
			}
			return nil
		})
	}
}
