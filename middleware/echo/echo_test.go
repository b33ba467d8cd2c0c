package authecho_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/guardtest"
	"github.com/manacore/manacore-go/middleware"
	authecho "github.com/manacore/manacore-go/middleware/echo"
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
	e := echo.New()
	e.Use(recovering)
	layers := guards(app.Guards)
	e.Use(layers[:min(1, len(layers))]...)
	group := e.Group("", layers[min(1, len(layers)):]...)
	for _, route := range app.Routes {
		chain := guards(route.Guards)
		if route.Roles != nil {
			chain = append(chain, authecho.RequireRole(route.Roles...))
		}
		if route.Tier != "" {
			chain = append(chain, authecho.RequireTier(route.Tier))
		}
		group.Add(route.Method, guardtest.Template(route.Path, "*"), handlerOf(route), chain...)
	}
	return e
}

func handlerOf(route guardtest.Route) echo.HandlerFunc {
	if route.NeedsUser {
		return authecho.UserFunc(func(c echo.Context, user client.User) error {
			route.Serve(c.Response(), c.Request(), user, true)
			return nil
		})
	}
	return func(c echo.Context) error {
		user, ok := client.CurrentUser(c.Request().Context())
		route.Serve(c.Response(), c.Request(), user, ok)
		return nil
	}
}

func guards(layers []guardtest.Layer) []echo.MiddlewareFunc {
	var chain []echo.MiddlewareFunc
	for _, layer := range layers {
		chain = append(chain, authecho.Guard(layer.Auth, layer.Options...))
	}
	return chain
}

// recovering does what Echo's Recover does.
func recovering(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("panic")
			}
		}()
		return next(c)
	}
}

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

var nobody = verifierFunc(func(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrNoToken
})

// G145: e.Use guards routes that were registered before it.
func TestUseAfterRoutes(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.GET("/me", func(echo.Context) error { t.Error("the handler ran"); return nil })
	e.Use(authecho.Guard(nobody))
	if got := status(e, "/me"); got != http.StatusUnauthorized {
		t.Errorf("status = %d; want 401", got)
	}
}

// An error handler has nothing to add to a refusal, and outer middleware sees
// what was answered.
func TestDenialIsCommitted(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.HTTPErrorHandler = func(err error, _ echo.Context) { t.Errorf("the error handler got %v", err) }
	var committed bool
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			committed = c.Response().Committed && c.Response().Status == http.StatusUnauthorized
			return err
		}
	}, authecho.Guard(nobody))
	e.GET("/me", func(echo.Context) error { t.Error("the handler ran"); return nil })
	if got := status(e, "/me"); got != http.StatusUnauthorized || !committed {
		t.Errorf("status = %d, committed %v; want 401 and true", got, committed)
	}
}

// What the handler returns is Echo's business.
func TestHandlerErrorPassesThrough(t *testing.T) {
	t.Parallel()
	e := echo.New()
	ada := verifierFunc(func(context.Context, string) (client.User, error) { return client.User{ID: "ada"}, nil })
	e.Use(authecho.Guard(ada))
	e.GET("/me", authecho.UserFunc(func(echo.Context, client.User) error {
		return echo.NewHTTPError(http.StatusTeapot)
	}))
	if got := status(e, "/me"); got != http.StatusTeapot {
		t.Errorf("status = %d; want 418", got)
	}
}

// S30: e.Static makes a route without a slash before its star.
func TestS30Static(t *testing.T) {
	t.Parallel()
	e := echo.New()
	e.Use(authecho.Guard(nobody, middleware.Public("GET /docs/", "GET /admin")))
	e.StaticFS("/docs", fstest.MapFS{"a/b.txt": {Data: []byte("b")}, "ecret": {Data: []byte("s")}})
	e.GET("/docs/internal", func(echo.Context) error { t.Error("the handler ran"); return nil })
	e.Host("admin.example.com").GET("/admin", func(echo.Context) error { t.Error("the handler ran"); return nil })
	e.GET("/admin", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	for target, want := range map[string]int{
		"/docs/a/b.txt": 200, "/docs/none": 404, "/docsecret": 401, "/docs/internal": 401, "/docs": 401,
		"/admin": 200, "http://admin.example.com/admin": 401,
	} {
		if got := status(e, target); got != want {
			t.Errorf("%s: status = %d; want %d", target, got, want)
		}
	}
}

func TestS30Unrouted(t *testing.T) {
	t.Parallel()
	e := echo.New()
	handler := func(echo.Context) error { return nil }
	e.GET("/health", handler)
	e.Any("/quotes/:id", handler)
	e.GET("/files/*", handler)
	e.Static("/docs", ".")
	e.Host("api.example.com").GET("/feed", handler)
	named := []string{"GET /health", "/quotes/{id}", "PUT /quotes/:id", "/files/", "GET /files/{path...}", "GET /docs/", "GET /docs*", "api.example.com/feed"}
	unrouted := []string{"GET /helth", "POST /health", "/quotes/{id}/notes", "/feed", "GET /docs", "/"}
	if diff := cmp.Diff(unrouted, authecho.Unrouted(e, append(named, unrouted...)...)); diff != "" {
		t.Error(diff)
	}
}

// S36: a program without a Verifier does not start.
func TestS36NilClient(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	var auth *client.Client
	authecho.Guard(auth)
}

func status(handler http.Handler, target string) int {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w.Code
}
