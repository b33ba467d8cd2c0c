package authserver

import (
	"net/http"
	"strings"

	"github.com/manacore/manacore-go/internal/wire"
)

// bearer reads the access token of a request (RFC 6750 section 2.1). It is
// empty where there is none or another scheme. Credentials sent twice, or with
// anything behind them, are an INVALID_REQUEST failure.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	if len(values) == 1 && !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	text := strings.TrimLeft(rest, " ")
	if len(values) > 1 || strings.ContainsAny(text, " \t,") {
		return "", fail(wire.InvalidRequest, "Malformed Authorization header")
	}
	return text, nil
}
