// Package authgin guards Gin handlers:
//
//	auth, err := client.FromEnv()
//	...
//	r.Use(authgin.Guard(auth, middleware.Public("GET /health")))
//
// Guard goes to r.Use, to a group or to a single route, before its handler.
// Gin gives a route the middleware that was in use when it was registered: a
// route above r.Use is not guarded. Gin redirects (RedirectTrailingSlash,
// RedirectFixedPath) before any middleware runs. Behind r.Use the guard also
// covers paths without a route: a stranger gets a 401 there, not a 404.
//
// A refused request is answered at once and aborted: no later handler runs.
// Package middleware explains the decision and its options.
package authgin

import (
	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does.
func Guard(auth client.Verifier, opts ...middleware.Option) gin.HandlerFunc {
	guard := middleware.New(auth, opts...)
	return func(c *gin.Context) {
		r := c.Request
		admitted, denial := guard.AdmitRoute(r, c.FullPath())
		if denial != nil {
			refuse(c, denial)
			return
		}
		defer func() { middleware.HandBack(r, c.Request) }()
		middleware.MarkBypass(c.Writer.Header(), admitted)
		c.Request = admitted
		c.Next()
	}
}

// refuse aborts first: a writer that panics then leads to no handler either.
func refuse(c *gin.Context, denial *middleware.Denial) {
	c.Abort()
	denial.Write(c.Writer, c.Request)
}

// CurrentUser is the user whom Guard verified; false on a public route and for
// an anonymous caller of an optional one. client.CurrentUser on the request's
// context says the same.
func CurrentUser(c *gin.Context) (client.User, bool) {
	return client.CurrentUser(c.Request.Context())
}

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user.
func RequireRole(roles ...string) gin.HandlerFunc {
	check := middleware.RequireRole(roles...)
	return func(c *gin.Context) {
		if denial := check(c.Request); denial != nil {
			refuse(c, denial)
		}
	}
}

// UserFunc makes a handler inside Guard of one that gets the user as an
// argument. It does not run without one: the caller gets a 401.
func UserFunc(handler func(c *gin.Context, user client.User)) gin.HandlerFunc {
	return func(c *gin.Context) {
		user, denial := middleware.RequireUser(c.Request)
		if denial != nil {
			refuse(c, denial)
			return
		}
		handler(c, user)
	}
}
