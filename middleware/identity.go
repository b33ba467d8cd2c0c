package middleware

import (
	"net/http"

	"github.com/manacore/manacore-go/client"
)

// BypassHeader and its value BypassValue mark the answer to a request that
// passed without a token, by package devbypass.
const (
	BypassHeader = "X-Auth-Bypass"
	BypassValue  = "dev"
)

// MarkBypass sets BypassHeader on the response when the admitted request r
// carries a user of package devbypass. Adapters call it before the handler.
func MarkBypass(response http.Header, r *http.Request) {
	if user, ok := client.CurrentUser(r.Context()); ok && user.Bypass {
		response.Set(BypassHeader, BypassValue)
	}
}

// isIdentity tells the names by which proxies and gateways hand on a user. A
// caller can send them as well, and the token alone says who the user is.
func isIdentity(name string) bool {
	switch name {
	case "Remote-User",
		"X-Auth-Bypass",
		"X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username", "X-Auth-Request-User",
		"X-Auth-User", "X-Authenticated-User", "X-Authenticated-Userid",
		"X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-User",
		"X-Remote-User",
		"X-User", "X-User-Email", "X-User-Id", "X-User-Name", "X-User-Role", "X-User-Roles", "X-Userid", "X-Username",
		"X-Webauth-User":
		return true
	}
	return false
}

// withoutIdentity returns r, or a copy without the identity headers where it
// has any: the caller's own request stays as it is.
func withoutIdentity(r *http.Request) *http.Request {
	for name := range r.Header {
		if isIdentity(name) {
			return stripped(r)
		}
	}
	return r
}

func stripped(r *http.Request) *http.Request {
	clean := *r
	clean.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		if !isIdentity(name) {
			clean.Header[name] = values
		}
	}
	return &clean
}
