package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/internal/wire"
)

// person tells whom a request with an access token comes from.
type person struct{ guard guard }

// route is an endpoint for whoever sends a good access token and nothing else
// that says who it is.
func (h person) route(serve func(w http.ResponseWriter, r *http.Request, userID string) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get(wire.ServiceKeyHeader) != "" {
			return errTwoCredentials
		}
		c, err := h.guard.admit(r, textInvalidToken)
		if err != nil {
			return err
		}
		return serve(w, r, c.user.ID)
	}
}
