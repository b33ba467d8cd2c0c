package authecho

import (
	"github.com/labstack/echo/v4"

	"github.com/manacore/manacore-go/middleware"
)

// templateOf is the template of the matched route, after its host where the
// route is one of Echo.Host.
func templateOf(c echo.Context) string {
	path := c.Path()
	if routers := c.Echo().Routers(); path != "" && len(routers) > 0 {
		if host := c.Request().Host; routers[host] != nil {
			return host + path
		}
	}
	return path
}

// routesOf lists the routes of e, those of Echo.Host included.
func routesOf(e *echo.Echo) []middleware.Route {
	var routes []middleware.Route
	add := func(host string, of []*echo.Route) {
		for _, route := range of {
			routes = append(routes, middleware.Route{Method: route.Method, Template: host + route.Path})
		}
	}
	add("", e.Routes())
	for host, router := range e.Routers() {
		add(host, router.Routes())
	}
	return routes
}

// Unrouted returns those of the patterns of middleware.Public that name no
// route of e, for a test. It panics on a bad pattern.
func Unrouted(e *echo.Echo, patterns ...string) []string {
	return middleware.Unrouted(routesOf(e), patterns...)
}
