// Package nethttp guards net/http handlers:
//
//	auth, err := client.FromEnv()
//	...
//	http.ListenAndServe(":3007", nethttp.Guard(auth, middleware.Public("GET /health"))(mux))
//
// Put Guard right before the *http.ServeMux, so that Public sees its routes, or
// around single handlers. An access log goes outside the guard: one inside
// hears of no refused request. Handlers get the user as an argument with
// UserFunc, or from client.CurrentUser with the request's context.
//
// Package middleware explains the decision and its options.
package nethttp

import (
	"net/http"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does, and the middleware panics as
// Behind of middleware.Guard does.
func Guard(auth client.Verifier, opts ...middleware.Option) func(http.Handler) http.Handler {
	guard := middleware.New(auth, opts...)
	return func(next http.Handler) http.Handler { return &guarded{guard.Behind(next), next} }
}

type guarded struct {
	guard *middleware.Guard
	next  http.Handler
}

// ServeHTTP hands on r when the guard admits it.
func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	admitted, denial := g.guard.Admit(r)
	if denial != nil {
		denial.Write(w, r)
		return
	}
	defer middleware.HandBack(r, admitted)
	middleware.MarkBypass(w.Header(), admitted)
	g.next.ServeHTTP(w, admitted)
}

// Unwrap lets a guard further out see the ServeMux inside.
func (g *guarded) Unwrap() http.Handler { return g.next }

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user. It panics as middleware.RequireRole does.
func RequireRole(roles ...string) func(http.Handler) http.Handler {
	return require(middleware.RequireRole(roles...))
}

// RequireTier returns a middleware for a route inside Guard: it hands on a
// request whose user has the tier or a higher one and answers 403 to others, 401
// without a user. It panics as middleware.RequireTier does.
func RequireTier(tier string) func(http.Handler) http.Handler {
	return require(middleware.RequireTier(tier))
}

func require(check func(*http.Request) *middleware.Denial) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return &checked{check, next} }
}

type checked struct {
	check func(*http.Request) *middleware.Denial
	next  http.Handler
}

// ServeHTTP hands on r when the check has nothing against it.
func (c *checked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if denial := c.check(r); denial != nil {
		denial.Write(w, r)
		return
	}
	c.next.ServeHTTP(w, r)
}

// Unwrap lets a guard further out see a ServeMux inside.
func (c *checked) Unwrap() http.Handler { return c.next }

// UserFunc is a handler inside Guard that gets the user as an argument. It
// does not run without one: the caller gets a 401.
type UserFunc func(w http.ResponseWriter, r *http.Request, user client.User)

// ServeHTTP calls f with the user of r.
func (f UserFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, denial := middleware.RequireUser(r)
	if denial != nil {
		denial.Write(w, r)
		return
	}
	f(w, r, user)
}

// Unrouted returns those of the patterns of middleware.Public that name no
// route of mux, for a test. It panics on a bad pattern.
func Unrouted(mux *http.ServeMux, patterns ...string) []string {
	return middleware.UnroutedMux(mux, patterns...)
}
