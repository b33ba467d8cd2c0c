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
// A refused request is answered at once and aborted: no later handler runs. An
// access log goes before the guard: one behind it hears of no refused request.
//
// Handlers get the user as an argument with UserFunc, or from
// client.CurrentUser(c), which also takes c.Request.Context(). Gin gives its
// own context to the next request when the handler returns, and what a
// goroutine then reads from c is another request's user. Hand the user to the
// goroutine, or c.Copy().
//
// Package middleware explains the decision and its options.
package authgin

import (
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does.
func Guard(auth client.Verifier, opts ...middleware.Option) gin.HandlerFunc {
	guard := middleware.New(auth, opts...)
	var first sync.Once
	return func(c *gin.Context) {
		r := c.Request
		first.Do(func() { warnUnrouted(guard, r) })
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

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user. It panics as middleware.RequireRole does.
func RequireRole(roles ...string) gin.HandlerFunc {
	return require(middleware.RequireRole(roles...))
}

// RequireTier returns a middleware for a route inside Guard: it hands on a
// request whose user has the tier or a higher one and answers 403 to others, 401
// without a user. It panics as middleware.RequireTier does.
func RequireTier(tier string) gin.HandlerFunc {
	return require(middleware.RequireTier(tier))
}

func require(check func(*http.Request) *middleware.Denial) gin.HandlerFunc {
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
