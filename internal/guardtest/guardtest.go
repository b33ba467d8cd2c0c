// Package guardtest is the suite that the guards of all frameworks pass. An
// adapter's test builds an http.Handler from an App, with the means of its
// framework, and hands the builder to Run; requests go over real sockets, and
// one table of answers holds for all.
package guardtest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// App is a guarded service, told without a framework.
type App struct {
	// Guards stand before all routes, the outermost first: the first one where
	// the framework puts its global middleware, the others on a group that
	// holds the routes.
	Guards []Layer
	Routes []Route
}

// Layer is one guard.
type Layer struct {
	Auth    client.Verifier
	Options []middleware.Option
}

// Route is one route of an App.
type Route struct {
	Method, Path string   // Path in the syntax of http.ServeMux
	Guards       []Layer  // guards of this route alone, the outermost first
	Roles        []string // when set, RequireRole stands on the route, inside its guards
	Tier         string   // when set, RequireTier stands on the route, inside its guards
	NeedsUser    bool     // the handler is one that gets the user as an argument
	Serve        Handler
}

// Handler serves a route. user and ok are what the adapter's CurrentUser says,
// or the argument of a handler that needs a user, and true.
type Handler func(w http.ResponseWriter, r *http.Request, user client.User, ok bool)

// Build makes a handler of an App. It answers 500 to a handler's panic in the
// way that is usual with the framework, and redirects no path to another: that
// happens before any guard and differs between frameworks.
type Build func(App) http.Handler

// Run runs the suite.
func Run(t *testing.T, build Build) {
	t.Helper()
	t.Run("credentials", func(t *testing.T) { t.Parallel(); runCredentials(t, build) })
	t.Run("routes", func(t *testing.T) { t.Parallel(); runRoutes(t, build) })
	t.Run("layers", func(t *testing.T) { t.Parallel(); runLayers(t, build) })
	t.Run("handlers", func(t *testing.T) { t.Parallel(); runHandlers(t, build) })
	t.Run("tokens", func(t *testing.T) { t.Parallel(); runTokens(t, build) })
	t.Run("bleed", func(t *testing.T) { t.Parallel(); runBleed(t, build) })
}

// Template writes a path of http.ServeMux in the syntax of Echo and Gin, rest
// being what stands for {name...} there.
func Template(path, rest string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		switch {
		case strings.HasSuffix(segment, "...}"):
			segments[i] = rest
		case strings.HasPrefix(segment, "{"):
			segments[i] = ":" + strings.Trim(segment, "{}")
		}
	}
	return strings.Join(segments, "/")
}

// The users whose tokens stub knows.
var (
	ada  = client.User{ID: "ada", Email: "ada@example.com", Role: "user", SessionID: "session-1"}
	root = client.User{ID: "root", Email: "root@example.com", Role: "admin", SessionID: "session-2"}
	eve  = client.User{ID: "eve", Email: "eve@example.com", Role: "user", SessionID: "session-3", Tier: "beta"}
	dev  = client.User{ID: "dev", Email: "dev@example.com", Role: "user", SessionID: "dev-session", Bypass: true}
)

// errNasty is what a careless Verifier might put into an error: text of a claim
// that tries to break out of a header.
var errNasty = errors.New("sub \"x\", error=\"none\"\r\nSet-Cookie: a=b\r\n\r\n<script>")

// verifierFunc is a Verifier made of a function.
type verifierFunc func(ctx context.Context, token string) (client.User, error)

// Verify calls f.
func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

func stub(_ context.Context, token string) (client.User, error) {
	switch token {
	case "":
		return client.User{}, client.ErrNoToken
	case "good":
		return ada, nil
	case "admin":
		return root, nil
	case "beta":
		return eve, nil
	case "dev":
		return dev, nil
	case "expired":
		return client.User{}, client.ErrExpired
	case "forbidden":
		return client.User{}, client.ErrForbidden
	case "down":
		return client.User{}, client.ErrUnavailable
	case "nasty":
		return client.User{}, errNasty
	case "nasty-refused":
		return client.User{}, errors.Join(client.ErrClaims, errNasty)
	case "panic":
		panic("the verifier broke")
	default:
		return client.User{}, client.ErrSignature
	}
}

func stubDown(context.Context, string) (client.User, error) {
	return client.User{}, client.ErrUnavailable
}

// guarded is an App's usual guard.
func guarded(opts ...middleware.Option) []Layer {
	return []Layer{{verifierFunc(stub), append(opts, middleware.OnDenial(func(*http.Request, *middleware.Denial) {}))}}
}

// whoami is a handler that answers with the user's id, and fails the test when
// the ways to the user disagree.
func whoami(t *testing.T) Handler {
	return func(w http.ResponseWriter, r *http.Request, user client.User, ok bool) {
		if inner, found := client.CurrentUser(r.Context()); inner != user || found != ok {
			t.Errorf("client.CurrentUser = %v, %v; the adapter says %v, %v", inner, found, user, ok)
		}
		name := user.ID
		if !ok {
			name = "anonymous"
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(name))
	}
}

// service is an App that runs, and counts how often a handler ran.
type service struct {
	server *httptest.Server
	ran    atomic.Int64
}

func start(t *testing.T, build Build, app App) *service {
	t.Helper()
	s := new(service)
	for i, route := range app.Routes {
		app.Routes[i].Serve = func(w http.ResponseWriter, r *http.Request, user client.User, ok bool) {
			s.ran.Add(1)
			route.Serve(w, r, user, ok)
		}
	}
	s.server = httptest.NewServer(build(app))
	t.Cleanup(s.server.Close)
	return s
}
