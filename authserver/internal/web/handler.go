package web

import (
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/internal/wire"
)

// Config is what a Handler is made of.
type Config struct {
	Responder *Responder
	Routes    []Route
	// Limits are the limiters by name. Those that are not there, but Unlimited,
	// are an error; nil values: no limit.
	Limits map[Limit]Limiter
	// CORSOrigins are the origins that browsers may call from with credentials.
	CORSOrigins []string
}

// Handler is all routes as one handler. A route that leaves something unsaid is
// an error.
func Handler(c Config) (http.Handler, error) {
	o := c.Responder
	mux := http.NewServeMux()
	var errs []error
	for _, route := range c.Routes {
		if err := route.check(c.Limits); err != nil {
			errs = append(errs, err)
			continue
		}
		mux.Handle(route.Pattern, route.handler(o, c.Limits[route.Limit]))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// Everything else, a known path with another method included: the
	// existing service has no 405.
	unknown := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.RespondError(w, r, Fail(wire.NotFound, "Cannot "+r.Method+" "+r.URL.EscapedPath()))
	})
	mux.Handle("/", unknown)

	allowOrigins := crossOrigin(c.CORSOrigins)
	around := func(h http.Handler) http.Handler {
		return logged(o, Secure(allowOrigins(recovered(o, h))))
	}
	return plainPath(around(mux), around(unknown)), nil
}
