package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// person tells whom a request with an access token comes from.
type person struct {
	out      responder
	sessions store.Sessions
	access   token.Access
}

// route is an endpoint for whoever sends a good access token and nothing else
// that says who it is.
func (h person) route(serve func(w http.ResponseWriter, r *http.Request, userID string) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get(wire.ServiceKeyHeader) != "" {
			return errTwoCredentials
		}
		userID, err := h.admit(r)
		if err != nil {
			return err
		}
		return serve(w, r, userID)
	}
}

func (h person) admit(r *http.Request) (userID string, err error) {
	text, err := bearer(r)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", fail(wire.Unauthorized, "No token provided")
	}
	now := h.out.now()
	claims, err := h.access.Verify(text, now)
	if err != nil {
		return "", invalidToken(err)
	}
	_, user, live, err := liveSession(r.Context(), h.sessions, claims, now)
	if err != nil {
		return "", err
	}
	if !live {
		return "", fail(wire.InvalidToken, "Invalid token")
	}
	return user.ID, nil
}
