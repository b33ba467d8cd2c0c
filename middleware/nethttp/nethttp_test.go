package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/guardtest"
	"github.com/manacore/manacore-go/middleware"
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

// TestFeed holds the guard to what a logout comes to in local mode.
func TestFeed(t *testing.T) {
	t.Parallel()
	guardtest.RunFeed(t, build)
}

func build(app guardtest.App) http.Handler {
	mux := http.NewServeMux()
	for _, route := range app.Routes {
		handler := handlerOf(route)
		if route.Roles != nil {
			handler = nethttp.RequireRole(route.Roles...)(handler)
		}
		if route.Tier != "" {
			handler = nethttp.RequireTier(route.Tier)(handler)
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
		user, ok := client.CurrentUser(r.Context())
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

// S11: the router writes its pattern and the path's values into the request, and
// a layer outside the guard reads them, after a panic as well.
func TestS11PatternIsHandedBack(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quotes/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /broken/{id}", func(http.ResponseWriter, *http.Request) { panic("broken") })
	mux.HandleFunc("GET /open/{id}", func(http.ResponseWriter, *http.Request) {})
	ada := verifierFunc(func(context.Context, string) (client.User, error) { return client.User{ID: "ada"}, nil })
	handler := recovering(nethttp.Guard(ada, middleware.Public("GET /open/{id}"))(nethttp.Guard(ada, middleware.Public("GET /open/{id}"))(mux)))
	for _, route := range []string{"quotes", "broken", "open"} {
		r := httptest.NewRequest("GET", "/"+route+"/7", nil)
		r.Header.Set("X-User-Id", "root")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if want := "GET /" + route + "/{id}"; r.Pattern != want || r.PathValue("id") != "7" {
			t.Errorf("Pattern = %q, id = %q; want %q and 7", r.Pattern, r.PathValue("id"), want)
		}
		if _, ok := client.CurrentUser(r.Context()); ok || r.Header.Get("X-User-Id") != "root" {
			t.Errorf("%s: the context or the header of the request outside was changed", route)
		}
	}
}

// S15: what stands between a guard and its mux does not change what is public.
func TestS15LoggerBetween(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /articles/{slug}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /articles/feed", func(http.ResponseWriter, *http.Request) { t.Error("the feed was served") })
	guard := nethttp.Guard(nobody, middleware.Public("GET /articles/{slug}"))
	for name, handler := range map[string]http.Handler{
		"guard":       guard(mux),
		"two guards":  guard(nethttp.Guard(nobody, middleware.Optional())(mux)),
		"RequireRole": guard(nethttp.RequireRole("admin")(mux)),
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/articles/feed", nil))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: status = %d; want 401", name, w.Code)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic with a logger between guard and mux")
		}
	}()
	guard(http.HandlerFunc(mux.ServeHTTP))
}

// S38: an access log outside the guard hears of refused requests; one inside
// does not, which the package's documentation says.
func TestS38AccessLog(t *testing.T) {
	t.Parallel()
	var outside, inside int
	logging := func(lines *int, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			*lines++
		})
	}
	handler := logging(&outside, nethttp.Guard(nobody)(logging(&inside, http.NotFoundHandler())))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if outside != 1 || inside != 0 {
		t.Errorf("%d lines outside and %d inside; want 1 and 0", outside, inside)
	}
}

// S36: a program without a Verifier, or without a handler, does not start.
func TestS36Nil(t *testing.T) {
	t.Parallel()
	var auth *client.Client
	for name, start := range map[string]func(){
		"Verifier": func() { nethttp.Guard(auth) },
		"handler":  func() { nethttp.Guard(nobody)(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			start()
		})
	}
}

func TestS30Unrouted(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	sub := http.NewServeMux()
	for _, pattern := range []string{
		"GET /health", "/quotes/{id}", "GET /quotes/0", "POST /hook", "/docs/", "GET /docs/0/0/{x}", "GET /docs/{$}",
		"api.example.com/feed", "/static/", "DELETE /only",
	} {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	mux.Handle("/api/", sub)
	sub.HandleFunc("GET /api/items/{id}", func(http.ResponseWriter, *http.Request) {})
	named := []string{
		"GET /health", "HEAD /health", "/health", "GET /quotes/{n}", "/docs/", "/docs/{path...}", "GET /docs/{$}", "api.example.com/feed",
		"GET /static/logo.png", "/only", "GET /api/items/{id}", "GET /api/items/7",
	}
	if got := nethttp.Unrouted(mux, named...); got != nil {
		t.Errorf("Unrouted = %q; want none", got)
	}
	unrouted := []string{
		"GET /helth", "POST /health", "GET /hook", "/feed", "GET /static/{file}", "/quotes/{id}/notes", "/quotes/", "GET /api/{x}/y", "GET /api/other", "GET /a;b",
	}
	if diff := cmp.Diff(unrouted, nethttp.Unrouted(mux, append(named, unrouted...)...)); diff != "" {
		t.Error(diff)
	}
}

var nobody = verifierFunc(func(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrNoToken
})

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

// Nothing recovers here: a guard that went on after its refusal would break.
func TestDenialEndsTheRequest(t *testing.T) {
	t.Parallel()
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
