package middleware

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// Option changes what a guard does. Without any, every request needs a good
// bearer token, whatever the user's role.
type Option func(*Guard)

// Optional lets a request without credentials pass, without a user. Bad
// credentials, and those of another scheme, are still a 401 and an outage a
// 503: nobody becomes anonymous by failing. Together with Roles it has no effect: a role needs a user.
func Optional() Option {
	return func(g *Guard) { g.optional = true }
}

// Roles admits users whose role is one of roles, compared exactly; others get
// a 403 whose challenge lists them as scope (RFC 6750 section 3.1). It panics
// without a role or when one is no scope-token (RFC 6749 section 3.3).
func Roles(roles ...string) Option {
	rule := newRoleRule(roles)
	return func(g *Guard) { g.roles = rule }
}

// Cookie reads the token from the cookie of that name where the request has no
// bearer header. Both at once, or the cookie twice, is a 400. An empty cookie
// counts as none. Browsers send cookies unasked: protect such routes against
// cross-site requests (SameSite, http.CrossOriginProtection). It panics on a
// name that is no token (RFC 6265 section 4.1.1).
func Cookie(name string) Option {
	//nolint:gosec // G124: this cookie only has its name judged
	if (&http.Cookie{Name: name, Value: "v"}).Valid() != nil {
		panic("middleware: Cookie(" + strconv.Quote(name) + ") is no name of a cookie")
	}
	return func(g *Guard) { g.cookie = name }
}

// Realm names the protection space in the challenge (RFC 9110 section 11.5).
// Default: no realm. It panics on a character that would need quoting.
func Realm(realm string) Option {
	if strings.IndexFunc(realm, notQuotable) >= 0 {
		panic("middleware: Realm(" + strconv.Quote(realm) + ") holds a character that would need quoting")
	}
	return func(g *Guard) { g.refusals.realm = realm }
}

// OnDenial is called once for each refused request, before anything is
// written: for metrics and logs. Default: a denial with status 503 is logged
// as a warning, at most one a minute; OnDenial replaces that.
func OnDenial(fn func(*http.Request, *Denial)) Option {
	return func(g *Guard) { g.refusals.onDenial = fn }
}

// DenyWith writes the answer to a refused request in place of the error
// envelope. Keep the status, the challenge and Retry-After: see
// Denial.SetHeader.
func DenyWith(fn func(http.ResponseWriter, *http.Request, *Denial)) Option {
	return func(g *Guard) { g.refusals.denyWith = fn }
}

// Logger is where the guard and the checks inside it log: requests without a
// verdict as a warning, at most once a minute, what the guard itself refuses at
// debug level, and a public pattern that names no route as a warning, once.
// Default: the Logger of the Verifier where that has one, as a *client.Client
// does, else slog.Default at the time of logging.
func Logger(log *slog.Logger) Option {
	return func(g *Guard) { g.refusals.log = log }
}

// KeepHeaders hands identity headers of these names on to the handler, for a
// backend behind a proxy that sets them and lets no caller set them. What they
// say does not change the user: only the token does. Default: all of them are
// removed. It panics on a name that is no identity header, since no guard
// removes that.
func KeepHeaders(names ...string) Option {
	kept := make([]string, len(names))
	for i, name := range names {
		kept[i] = http.CanonicalHeaderKey(name)
		if !isIdentity(kept[i]) {
			panic("middleware: KeepHeaders(" + strconv.Quote(name) + ") names no identity header; the documentation of package middleware lists them")
		}
	}
	return func(g *Guard) { g.keep = append(g.keep, kept...) }
}

// notQuotable tells the characters that may not stand in an attribute of the
// challenge: all but %x20-21, %x23-5B and %x5D-7E (RFC 6750 section 3).
func notQuotable(c rune) bool {
	return c < 0x20 || c > 0x7e || c == '"' || c == '\\'
}
