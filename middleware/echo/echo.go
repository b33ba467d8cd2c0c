// Package authecho guards Echo handlers:
//
//	auth, err := client.FromEnv()
//	...
//	e.Use(authecho.Guard(auth, middleware.Public("GET /health")))
//
// Guard goes to e.Use, to a group or to a single route. Not to e.Pre: no route
// is matched there yet, so nothing would be public. Behind e.Use the guard
// also covers paths without a route: a stranger gets a 401 there, not a 404.
//
// A refused request is answered at once, by the guard: the handler and the
// HTTPErrorHandler do not run, and outer middleware finds a committed response
// and no error. An access log goes before the guard: one behind it hears of no
// refused request.
//
// Handlers get the user as an argument with UserFunc, or from
// client.CurrentUser(c.Request().Context()). Echo gives its own context to the
// next request when the handler returns: hand the user, or the request's
// context, to a goroutine that goes on, and not c.
//
// Package middleware explains the decision and its options.
package authecho

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does.
func Guard(auth client.Verifier, opts ...middleware.Option) echo.MiddlewareFunc {
	guard := middleware.New(auth, opts...)
	var first sync.Once
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			first.Do(func() { guard.WarnUnrouted(routesOf(c.Echo())) })
			r := c.Request()
			admitted, denial := guard.AdmitRoute(r, templateOf(c))
			if denial != nil {
				denial.Write(c.Response(), r)
				return nil
			}
			defer func() { middleware.HandBack(r, c.Request()) }()
			middleware.MarkBypass(c.Response().Header(), admitted)
			c.SetRequest(admitted)
			return next(c)
		}
	}
}

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user. It panics as middleware.RequireRole does.
func RequireRole(roles ...string) echo.MiddlewareFunc {
	return require(middleware.RequireRole(roles...))
}

// RequireTier returns a middleware for a route inside Guard: it hands on a
// request whose user has the tier or a higher one and answers 403 to others, 401
// without a user. It panics as middleware.RequireTier does.
func RequireTier(tier string) echo.MiddlewareFunc {
	return require(middleware.RequireTier(tier))
}

func require(check func(*http.Request) *middleware.Denial) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if denial := check(c.Request()); denial != nil {
				denial.Write(c.Response(), c.Request())
				return nil
			}
			return next(c)
		}
	}
}

// UserFunc makes a handler inside Guard of one that gets the user as an
// argument. It does not run without one: the caller gets a 401.
func UserFunc(handler func(c echo.Context, user client.User) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		user, denial := middleware.RequireUser(c.Request())
		if denial != nil {
			denial.Write(c.Response(), c.Request())
			return nil
		}
		return handler(c, user)
	}
}
