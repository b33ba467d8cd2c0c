package web

import (
	"net/http"

	"github.com/manacore/manacore-go/internal/wire"
)

// Bearer reads the access token of a request. It is empty where there is no
// token or another scheme. Ambiguous credentials are an INVALID_REQUEST failure
// (RFC 6750 section 3.1).
func Bearer(r *http.Request) (string, error) {
	token, found := wire.Bearer(r.Header["Authorization"])
	switch found {
	case wire.SeveralHeaders, wire.TabAfterScheme, wire.SchemeTwice, wire.ExtraWords:
		return "", Fail(wire.InvalidRequest, "Malformed Authorization header")
	}
	return token, nil
}
