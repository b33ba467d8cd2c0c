// Package nethttp guards net/http handlers:
//
//	auth, err := client.FromEnv()
//	...
//	http.ListenAndServe(":3007", nethttp.Guard(auth, middleware.Public("GET /health"))(mux))
//
// Package middleware explains the decision and its options. Put Guard right
// before the *http.ServeMux, so that Public sees its routes, or around single
// handlers.
package nethttp

import (
	"net/http"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does.
func Guard(auth client.Verifier, opts ...middleware.Option) func(http.Handler) http.Handler {
	guard := middleware.New(auth, opts...)
	return func(next http.Handler) http.Handler {
		guard := guard.Behind(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			admitted, denial := guard.Admit(r)
			if denial != nil {
				denial.Write(w, r)
				return
			}
			defer middleware.HandBack(r, admitted)
			middleware.MarkBypass(w.Header(), admitted)
			next.ServeHTTP(w, admitted)
		})
	}
}

// CurrentUser is the user whom Guard verified; false on a public route and for
// an anonymous caller of an optional one.
func CurrentUser(r *http.Request) (client.User, bool) {
	return client.CurrentUser(r.Context())
}

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user.
func RequireRole(roles ...string) func(http.Handler) http.Handler {
	check := middleware.RequireRole(roles...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if denial := check(r); denial != nil {
				denial.Write(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

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
