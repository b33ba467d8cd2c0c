package chargeecho_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/chargetest"
	"github.com/manacore/manacore-go/middleware"
	chargeecho "github.com/manacore/manacore-go/middleware/charge/echo"
	authecho "github.com/manacore/manacore-go/middleware/echo"
)

func TestCharge(t *testing.T) {
	t.Parallel()
	chargetest.Run(t, chargetest.Suite{Build: charged, Errors: true})
}

func charged(auth client.Verifier, routes []chargetest.Route) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.RecoverWithConfig(echomiddleware.RecoverConfig{
		LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err },
	}), authecho.Guard(auth, middleware.Optional()))
	for _, route := range routes {
		e.Any(route.Path, func(c echo.Context) error {
			return route.Serve(c.Response(), c.Request())
		}, chargeecho.ChargeFunc(route.Ledger, route.Operation, route.Cost, route.Config))
	}
	return e
}
