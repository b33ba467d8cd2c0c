package chargegin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/chargetest"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/charge"
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

// A handler reports its cost with any context that it has at hand.
func TestS07SetCostTakesTheFrameworksContext(t *testing.T) {
	t.Parallel()
	for name, report := range map[string]func(c *gin.Context) error{
		"the handler's own": func(c *gin.Context) error { return charge.SetCost(c, 7) },
		"made from it": func(c *gin.Context) error {
			ctx, cancel := context.WithCancel(c)
			defer cancel()
			return charge.SetCost(ctx, 7)
		},
		"a copy":        func(c *gin.Context) error { return charge.SetCost(c.Copy(), 7) },
		"the request's": func(c *gin.Context) error { return charge.SetCost(c.Request.Context(), 7) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t)
			ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey, HTTPClient: issuer.HTTPClient()})
			if err != nil {
				t.Fatal(err)
			}
			defer ledger.Close()
			r := gin.New()
			r.GET("/", chargegin.Charge(ledger, "text", 50), func(c *gin.Context) {
				if reserved, ok := charge.Reserved(c); reserved != 50 || !ok {
					t.Errorf("%d reserved, %v", reserved, ok)
				}
				if err := report(c); err != nil {
					t.Error(err)
				}
				c.String(http.StatusOK, "seven words")
			})
			request := httptest.NewRequestWithContext(client.WithUser(t.Context(), client.User{ID: "ada"}), "GET", "/", nil)
			r.ServeHTTP(httptest.NewRecorder(), request)
			if available, held := issuer.Credits("ada"); available != authtest.SignupBonus-7 || held != 0 {
				t.Errorf("%d available, %d held", available, held)
			}
		})
	}
}
