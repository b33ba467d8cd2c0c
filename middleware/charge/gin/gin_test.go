package chargegin_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/chargetest"
	"github.com/manacore/manacore-go/middleware"
	chargegin "github.com/manacore/manacore-go/middleware/charge/gin"
	authgin "github.com/manacore/manacore-go/middleware/gin"
)

func TestCharge(t *testing.T) {
	t.Parallel()
	chargetest.Run(t, chargetest.Suite{Build: charged, Errors: true})
}

func charged(auth client.Verifier, routes []chargetest.Route) http.Handler {
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, v any) {
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		c.AbortWithStatus(http.StatusInternalServerError)
	}), failing, authgin.Guard(auth, middleware.Optional()))
	for _, route := range routes {
		r.Any(route.Path, chargegin.ChargeFunc(route.Ledger, route.Operation, route.Cost, route.Config), func(c *gin.Context) {
			if err := route.Serve(c.Writer, c.Request); err != nil {
				_ = c.Error(err)
			}
		})
	}
	return r
}

// failing answers errors as middleware of Gin's users does.
func failing(c *gin.Context) {
	c.Next()
	if len(c.Errors) > 0 && !c.Writer.Written() {
		c.AbortWithStatus(http.StatusInternalServerError)
	}
}
