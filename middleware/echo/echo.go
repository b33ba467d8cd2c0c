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
// and no error. Package middleware explains the decision and its options.
package authecho

import (
	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// Guard returns a middleware that hands on a request only when auth vouches
// for it. It panics as middleware.New does.
func Guard(auth client.Verifier, opts ...middleware.Option) echo.MiddlewareFunc {
	guard := middleware.New(auth, opts...)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			admitted, denial := guard.AdmitRoute(r, c.Path())
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

// CurrentUser is the user whom Guard verified; false on a public route and for
// an anonymous caller of an optional one. client.CurrentUser on the request's
// context says the same.
func CurrentUser(c echo.Context) (client.User, bool) {
	return client.CurrentUser(c.Request().Context())
}

// RequireRole returns a middleware for a route inside Guard: it hands on a
// request whose user has one of roles and answers 403 to others, 401 without a
// user.
func RequireRole(roles ...string) echo.MiddlewareFunc {
	check := middleware.RequireRole(roles...)
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
