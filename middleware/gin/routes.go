package authgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/middleware"
)

// warnUnrouted finds the engine by the server of r, since Gin's context does
// not tell it.
func warnUnrouted(guard *middleware.Guard, r *http.Request) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return
	}
	if engine, ok := server.Handler.(*gin.Engine); ok {
		guard.WarnUnrouted(routesOf(engine))
	}
}

func routesOf(engine *gin.Engine) []middleware.Route {
	var routes []middleware.Route
	for _, route := range engine.Routes() {
		routes = append(routes, middleware.Route{Method: route.Method, Template: route.Path})
	}
	return routes
}

// Unrouted returns those of the patterns of middleware.Public that name no
// route of engine, for a test. It panics on a bad pattern.
func Unrouted(engine *gin.Engine, patterns ...string) []string {
	return middleware.Unrouted(routesOf(engine), patterns...)
}
