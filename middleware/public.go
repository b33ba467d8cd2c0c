package middleware

import (
	"net"
	"net/http"
	"strings"
	"sync"
)

// Public exempts routes: their requests pass without a look at the
// credentials, and without a user. Patterns have the syntax of http.ServeMux,
// "[METHOD ][HOST]/[PATH]"; GET covers HEAD. A bad pattern, and one that
// conflicts with another, panics as in ServeMux. Public may be given more than
// once.
//
// A pattern names a route, and only that route is public. Where the pattern is
// "/quotes/{id}" and the router has "/quotes/private" as well, the latter
// needs a user: as in ServeMux, the more specific one wins. A pattern without
// a host names no route that has one.
//
//   - net/http: Guard stands right before a *http.ServeMux, and asks it which
//     route it will take. A pattern with a wildcard or a final slash is public
//     where that is the very route. One without may also be a part of a wider
//     route. Before any other handler the guard cannot see the routes: a
//     pattern with a wildcard or a final slash then panics when the guard is
//     put there.
//   - Echo, Gin: the path of the pattern is compared with the template of the
//     matched route, ":id" standing for {id} and "*" or "*path" for the rest
//     of the path. The framework's own spelling is accepted as well. No
//     matched route, not public. A pattern that ends in a slash names the
//     route of that very path and the one of all below it: "/docs/*", and what
//     lies below "/docs/" of the route "/docs*" of Echo's Static.
//
// A path that two programs could read as different paths is never public: one
// with an empty segment or one that begins or ends with a blank or ends with a
// dot, with any of ; \ % ? # or a control character, encoded or not, with an
// encoded slash, an encoded letter, digit, hyphen, dot, underscore or tilde
// (RFC 3986 section 2.3), with bytes that are no UTF-8, or with a character
// that Unicode normalization or a look-alike makes a slash, a dot or one of
// those. CONNECT is never public, nor is what ServeMux would redirect.
//
// A pattern that names no route is logged as a warning, once, at the guard's
// first request: before a ServeMux, with Echo, and with Gin where the engine
// itself is the Handler of the http.Server. The function Unrouted of each
// adapter lists such patterns in a test.
func Public(patterns ...string) Option {
	return func(g *Guard) { g.public.add(patterns) }
}

// publicSet is the patterns of Public. The zero value is empty.
type publicSet struct {
	mux      *http.ServeMux
	patterns []pattern
	router   *http.ServeMux // what the guard stands before, if known
	check    *sync.Once     // whether the router has the routes; nil where that is not known
}

// pattern is one of Public, in its parts.
type pattern struct{ text, method, host, path string }

// public marks the patterns in the set's mux: any other handler that it
// returns is a redirect or an error.
type public struct{}

func (public) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (s *publicSet) add(patterns []string) {
	if s.mux == nil {
		s.mux = http.NewServeMux()
	}
	for _, text := range patterns {
		s.mux.Handle(text, public{}) // panics on a bad one
		s.patterns = append(s.patterns, parsePattern(text))
	}
}

// parsePattern takes apart a pattern that ServeMux has accepted.
func parsePattern(text string) pattern {
	p := pattern{text: text}
	if i := strings.IndexAny(text, blanks); i >= 0 {
		p.method, text = text[:i], strings.TrimLeft(text[i:], blanks)
	}
	p.host, p.path = splitHost(text)
	return p
}

func splitHost(text string) (host, path string) {
	if slash := strings.IndexByte(text, '/'); slash > 0 {
		return text[:slash], text[slash:]
	}
	return "", text
}

// matches decides by the request itself and by the ServeMux behind the guard.
func (s *publicSet) matches(r *http.Request) bool {
	if r.Method == http.MethodConnect || !s.mayMatch(r) {
		return false
	}
	handler, text := s.mux.Handler(r)
	if _, ok := handler.(public); !ok || !plain(r.URL) {
		return false
	}
	public := parsePattern(text)
	if s.router == nil {
		return !wide(public.path)
	}
	var routed pattern
	for router := s.router; router != nil; router = muxOf(handler) {
		var found string
		handler, found = router.Handler(r)
		routed = parsePattern(found)
		if found == "" || routed.host != "" && routed.host != public.host || !covers(routed.path, public.path) {
			return false // the route is more specific than the pattern
		}
	}
	// Behind a route that is wider than the pattern there may be routes that
	// are more specific than the pattern.
	return !wide(public.path) || covers(public.path, routed.path)
}

// mayMatch spares most requests the ServeMux, which allocates to find out that
// nothing matches.
func (s *publicSet) mayMatch(r *http.Request) bool {
	for i := range s.patterns {
		if p := &s.patterns[i]; p.acceptsMethod(r.Method) && matchesPath(p.path, r.URL.Path) {
			return true
		}
	}
	return false
}

// names decides by the template of the route that the framework matched.
func (s *publicSet) names(r *http.Request, template string) bool {
	if s.mux == nil || template == "" || r.Method == http.MethodConnect {
		return false
	}
	host, template := splitHost(template)
	for i := range s.patterns {
		if p := &s.patterns[i]; p.acceptsHost(host) && p.acceptsMethod(r.Method) && (p.host == "" || p.host == hostname(r.Host)) && p.isRoute(template, r.URL.Path) {
			return plain(r.URL)
		}
	}
	return false
}

// acceptsHost tells that the pattern may name a route that is for this host;
// "": one for every host.
func (p *pattern) acceptsHost(host string) bool { return host == "" || p.host == hostname(host) }

func (p *pattern) acceptsMethod(method string) bool {
	return p.method == "" || p.method == method || p.method == http.MethodGet && method == http.MethodHead
}

// isRoute tells that a template names the pattern's route, and that path, which
// matches the template, lies in it. "": any path.
func (p *pattern) isRoute(template, path string) bool {
	if p.path == template || sameRoute(p.path, template) {
		return true
	}
	prefix, ok := strings.CutSuffix(template, "*")
	if !ok || strings.HasSuffix(prefix, "/") || !sameRoute(p.path, prefix+"/*") {
		return false
	}
	return path == "" || below(path, prefix)
}

// below tells that path, which matches the template prefix+"*", goes on with a
// slash where the prefix ends.
func below(path, prefix string) bool {
	depth := strings.Count(prefix, "/")
	segments := strings.SplitN(path, "/", depth+2)
	return len(segments) == depth+2 && segments[depth] == prefix[strings.LastIndexByte(prefix, '/')+1:]
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host // without a port
}
