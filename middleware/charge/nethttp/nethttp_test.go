package chargehttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/chargetest"
	"github.com/manacore/manacore-go/middleware"
	chargehttp "github.com/manacore/manacore-go/middleware/charge/nethttp"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

func TestCharge(t *testing.T) {
	t.Parallel()
	chargetest.Run(t, chargetest.Suite{Build: charged})
}

// A status that is informational is not the answer yet.
func TestChargeEarlyHints(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	handler := chargehttp.Charge(ledger, "page", 10)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	r := httptest.NewRequest("GET", "/", nil)
	handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
	if available, held := issuer.Credits("ada"); available != authtest.SignupBonus || held != 0 {
		t.Errorf("%d available, %d held", available, held)
	}
}

func charged(auth client.Verifier, routes []chargetest.Route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		charge := chargehttp.ChargeFunc(route.Ledger, route.Operation, route.Cost, route.Config)
		mux.Handle(route.Path, charge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if route.Serve(w, r) != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})))
	}
	return rethrowing(nethttp.Guard(auth, middleware.Optional())(mux))
}

// rethrowing answers a panic with 500, unless the handler means to cut the
// connection.
func rethrowing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v == http.ErrAbortHandler {
				panic(v)
			} else if v != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
