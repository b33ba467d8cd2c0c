package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/guardtest"
	"github.com/manacore/manacore-go/middleware/nethttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGuard(t *testing.T) {
	t.Parallel()
	guardtest.Run(t, build)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	guardtest.RunFaults(t, build)
}

func build(app guardtest.App) http.Handler {
	mux := http.NewServeMux()
	for _, route := range app.Routes {
		handler := handlerOf(route)
		if route.Roles != nil {
			handler = nethttp.RequireRole(route.Roles...)(handler)
		}
		mux.Handle(route.Method+" "+route.Path, wrap(handler, route.Guards))
	}
	return recovering(wrap(mux, app.Guards))
}

func handlerOf(route guardtest.Route) http.Handler {
	if route.NeedsUser {
		return nethttp.UserFunc(func(w http.ResponseWriter, r *http.Request, user client.User) {
			route.Serve(w, r, user, true)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := nethttp.CurrentUser(r)
		route.Serve(w, r, user, ok)
	})
}

func wrap(handler http.Handler, layers []guardtest.Layer) http.Handler {
	for _, layer := range slices.Backward(layers) {
		handler = nethttp.Guard(layer.Auth, layer.Options...)(handler)
	}
	return handler
}

func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

// Nothing recovers here: a guard that went on after its refusal would break.
func TestDenialEndsTheRequest(t *testing.T) {
	t.Parallel()
	nobody := verifierFunc(func(context.Context, string) (client.User, error) {
		return client.User{}, client.ErrNoToken
	})
	unreached := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	for name, handler := range map[string]http.Handler{
		"Guard":       nethttp.Guard(nobody)(unreached),
		"RequireRole": nethttp.RequireRole("admin")(unreached),
		"UserFunc":    nethttp.UserFunc(func(http.ResponseWriter, *http.Request, client.User) { t.Error("the handler ran") }),
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status = %d; want 401", name, w.Code)
		}
	}
}
