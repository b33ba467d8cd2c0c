package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/limit"
	"github.com/manacore/manacore-go/internal/wire"
)

// limited limits the endpoints given to it, all together.
func limited(l *limit.Limiter, o responder) func(endpoint) endpoint {
	return func(serve endpoint) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			if wait := l.Take(o.addr(r), o.now()); wait > 0 {
				o.metrics.rateLimited(l.Name())
				return &failure{wire.RateLimited, textRateLimited, wait}
			}
			return serve(w, r)
		}
	}
}
