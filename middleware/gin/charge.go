package authgin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware"
)

var errAnswered = errors.New("authgin: the handler answered with an error status")

// Charge returns a middleware for a route inside Guard: it charges the user so
// many credits for each request that succeeds. credits.Charger has the rules;
// an error that the handler gives to c.Error is a failure, whatever its
// status. It panics as credits.NewCharger and credits.Fixed do.
func Charge(ledger credits.Ledger, operation string, cost int64, opts ...credits.ChargeOption) gin.HandlerFunc {
	return ChargeFunc(ledger, operation, credits.Fixed(cost), opts...)
}

// ChargeFunc is Charge with a cost of the request. A handler that learns the
// real one later reports it with credits.SetCost.
func ChargeFunc(ledger credits.Ledger, operation string, cost credits.CostFunc, opts ...credits.ChargeOption) gin.HandlerFunc {
	charger := credits.NewCharger(ledger, operation, cost, opts...)
	return func(c *gin.Context) {
		user, denial := middleware.RequireUser(c.Request)
		if denial != nil {
			refuse(c, denial)
			return
		}
		charge, refusal := charger.Admit(c.Request, user)
		if refusal != nil {
			c.Abort()
			refusal.Write(c.Writer, c.Request)
			return
		}
		inner := c.Writer
		defer func() { c.Writer = inner }()
		before := len(c.Errors)
		_ = charge.Run(inner, func(w http.ResponseWriter, r *http.Request) error {
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
