package web

import (
	"errors"
	"net/http"

	"github.com/manacore/manacore-go/internal/wire"
)

// Config configures a Handler.
type Config struct {
	Responder *Responder
	Routes    []Route
	// Limits are the limiters by name. A nil limiter means that there is no
	// limit. A route is an error where its limit is neither here nor Unlimited.
	Limits map[Limit]Limiter
	// CORSOrigins are the origins that browsers may call from with credentials,
	// as form.Origin spells them.
	CORSOrigins []string
}

// Handler mounts all routes. A route that leaves something undeclared is an
// error.
func Handler(c Config) (http.Handler, error) {
	o := c.Responder
	mux := http.NewServeMux()
	var errs []error
	large := make(chan struct{}, maxLarge)
	for _, route := range c.Routes {
		if err := route.check(c.Limits); err != nil {
			errs = append(errs, err)
			continue
		}
		mux.Handle(route.Pattern, route.handler(o, counters{every: c.Limits[route.Limit], heavy: c.Limits[route.Heavy], service: c.Limits[LimitService], large: large}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// This answers everything else. A known path with another method is part of
	// it, because the existing service has no 405.
	unknown := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.RespondError(w, r, Fail(wire.NotFound, "Cannot "+r.Method+" "+r.URL.EscapedPath()))
	})
	mux.Handle("/", unknown)

	allowOrigins := crossOrigin(o, c.CORSOrigins)
	around := func(h http.Handler) http.Handler {
		return logged(o, Secure(allowOrigins(recovered(o, h))))
	}
	return plainPath(around(mux), around(unknown)), nil
}
