package middleware

import (
	"net/http"
	"slices"
	"strings"

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

// removeIdentity gives r a header without the identity headers where it has
// any. The header that r had belongs to the caller and stays as it is.
func (g *Guard) removeIdentity(r *http.Request) {
	for name := range r.Header {
		if g.removes(name) {
			r.Header = g.withoutIdentity(r.Header)
			return
		}
	}
}

func (g *Guard) withoutIdentity(header http.Header) http.Header {
	clean := make(http.Header, len(header))
	for name, values := range header {
		if !g.removes(name) {
			clean[name] = values
		}
	}
	return clean
}

// removes tells the names of headers that no handler sees. An underscore counts
// as a hyphen, which is what a CGI program behind a proxy makes of it (RFC 3875
// section 4.1.18).
func (g *Guard) removes(name string) bool {
	if strings.IndexByte(name, '_') >= 0 {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	return isIdentity(name) && !slices.Contains(g.keep, name)
}
