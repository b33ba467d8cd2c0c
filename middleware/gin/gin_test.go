package authgin_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/guardtest"
	"github.com/manacore/manacore-go/middleware"
	authgin "github.com/manacore/manacore-go/middleware/gin"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	goleak.VerifyTestMain(m)
}

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
	r := gin.New()
	r.RedirectTrailingSlash = false
	r.Use(gin.RecoveryWithWriter(io.Discard))
	layers := guards(app.Guards)
	r.Use(layers[:min(1, len(layers))]...)
	group := r.Group("", layers[min(1, len(layers)):]...)
	for _, route := range app.Routes {
		chain := guards(route.Guards)
		if route.Roles != nil {
			chain = append(chain, authgin.RequireRole(route.Roles...))
		}
		if route.Tier != "" {
			chain = append(chain, authgin.RequireTier(route.Tier))
		}
		group.Handle(route.Method, guardtest.Template(route.Path, "*path"), append(chain, handlerOf(route))...)
	}
	return r
}

func handlerOf(route guardtest.Route) gin.HandlerFunc {
	if route.NeedsUser {
		return authgin.UserFunc(func(c *gin.Context, user client.User) {
			route.Serve(c.Writer, c.Request, user, true)
		})
	}
	return func(c *gin.Context) {
		user, ok := client.CurrentUser(c)
		route.Serve(c.Writer, c.Request, user, ok)
	}
}

func guards(layers []guardtest.Layer) []gin.HandlerFunc {
	var chain []gin.HandlerFunc
	for _, layer := range layers {
		chain = append(chain, authgin.Guard(layer.Auth, layer.Options...))
	}
	return chain
}

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

var nobody = verifierFunc(func(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrNoToken
})

var ada = verifierFunc(func(_ context.Context, token string) (client.User, error) {
	return client.User{ID: "ada " + token}, nil
})

// S7: Gin's own context, contexts made from it and the request's context have
// the user, whether or not the engine's context falls back to the request's.
func TestS7CurrentUserOfGinsContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	for _, fallback := range []bool{false, true} {
		r := gin.New()
		r.ContextWithFallback = fallback
		r.Use(authgin.Guard(ada, middleware.Public("GET /open")))
		var found []bool
		look := func(c *gin.Context) {
			derived, cancel := context.WithCancel(context.WithValue(c, key{}, 1))
			defer cancel()
			found = nil
			for _, ctx := range []context.Context{c, derived, c.Copy(), c.Request.Context()} {
				user, ok := client.CurrentUser(ctx)
				found = append(found, ok && user.ID == "ada ")
			}
			// A user in a context on the way is nearer than that of the request.
			if user, _ := client.CurrentUser(client.WithUser(c, client.User{ID: "bob"})); user.ID != "bob" {
				t.Errorf("user = %v; want bob", user)
			}
		}
		r.GET("/me", look)
		r.GET("/open", look)
		for target, want := range map[string]bool{"/me": true, "/open": false} {
			r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
			if len(found) != 4 || slices.Contains(found, !want) {
				t.Errorf("fallback %v, %s: found %v; want all %v", fallback, target, found, want)
			}
		}
	}
}

// S29: a goroutine that outlives its request keeps its user with c.Copy, while
// Gin gives its own context to the next request.
func TestS29CopyKeepsItsUser(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.Use(authgin.Guard(ada))
	var kept context.Context
	r.GET("/first", func(c *gin.Context) { kept = c.Copy() })
	r.GET("/next", func(*gin.Context) {})
	for _, target := range []string{"/first", "/next", "/next"} {
		request := httptest.NewRequest("GET", target, nil)
		request.Header.Set("Authorization", "Bearer "+target)
		r.ServeHTTP(httptest.NewRecorder(), request)
	}
	if user, _ := client.CurrentUser(kept); user.ID != "ada /first" {
		t.Errorf("user = %v; want that of the first request", user)
	}
}

func TestS30Unrouted(t *testing.T) {
	t.Parallel()
	r := gin.New()
	handler := func(*gin.Context) {}
	r.GET("/health", handler)
	r.Any("/quotes/:id", handler)
	r.GET("/files/*path", handler)
	r.Static("/docs", ".")
	named := []string{"GET /health", "/quotes/{id}", "PUT /quotes/:id", "/files/", "GET /files/{path...}", "GET /docs/", "HEAD /docs/"}
	unrouted := []string{"GET /helth", "POST /health", "/quotes/{id}/notes", "GET /docs", "/"}
	if diff := cmp.Diff(unrouted, authgin.Unrouted(r, append(named, unrouted...)...)); diff != "" {
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
	authgin.Guard(auth)
}

// Outer middleware finds the context aborted and the answer's status.
func TestDenialAborts(t *testing.T) {
	t.Parallel()
	r := gin.New()
	var aborted bool
	r.Use(func(c *gin.Context) {
		c.Next()
		aborted = c.IsAborted() && c.Writer.Status() == http.StatusUnauthorized
	}, authgin.Guard(nobody), func(*gin.Context) { t.Error("later middleware ran") })
	r.GET("/me", func(*gin.Context) { t.Error("the handler ran") })
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "/me", nil))
	if w.Code != http.StatusUnauthorized || !aborted {
		t.Errorf("status = %d, aborted %v; want 401 and true", w.Code, aborted)
	}
}

// A writer that breaks does not let the handler run, though outer middleware
// recovers and goes on.
func TestBrokenWriterAdmitsNobody(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.Use(func(c *gin.Context) {
		defer func() {
			_ = recover()
			c.Next()
		}()
		c.Next()
	}, authgin.Guard(nobody, middleware.DenyWith(func(http.ResponseWriter, *http.Request, *middleware.Denial) { panic("broken") })))
	r.GET("/me", func(*gin.Context) { t.Error("the handler ran") })
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/me", nil))
}

// Gin's redirects come before the guard, and lead nowhere without it.
func TestRedirectRunsNoHandler(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.RedirectFixedPath = true
	r.Use(authgin.Guard(nobody, middleware.Public("GET /health")))
	r.GET("/health", func(*gin.Context) { t.Error("the handler ran") })
	for _, target := range []string{"/health/", "/HEALTH", "//health"} {
		w := httptest.NewRecorder()
		request := httptest.NewRequest("GET", "/", nil)
		request.URL.Path = target
		r.ServeHTTP(w, request)
		if w.Code != http.StatusMovedPermanently {
			t.Errorf("%s: status = %d; want 301", target, w.Code)
		}
	}
}
