package middleware

import (
	"net"
	"net/http"
	"strings"
)

// Public exempts routes: their requests pass without a look at the
// credentials, and without a user. Patterns have the syntax of http.ServeMux,
// "[METHOD ][HOST]/[PATH]"; GET covers HEAD. A bad pattern, and one that
// conflicts with another, panics as in ServeMux.
//
// A pattern names a route, and only that route is public. Where the pattern is
// "/quotes/{id}" and the router has "/quotes/private" as well, the latter
// needs a user: as in ServeMux, the more specific one wins.
//
//   - net/http: a ServeMux of the patterns matches the request. What it would
//     redirect (//x, /a/../b, a missing slash) is not public; nor is a path
//     with an encoded slash or dot segment, on which routers disagree, nor
//     CONNECT. When the guard stands right before a *http.ServeMux, the route
//     of that one, and of a ServeMux that is its handler, has to agree: a more
//     specific one is not public. Behind any other handler, http.StripPrefix
//     included, the guard cannot see the routes, and a pattern covers all that
//     it matches, "/quotes/private" included.
//   - Echo, Gin: the path of the pattern is compared with the template of the
//     matched route, ":id" standing for {id} and "*" or "*path" for the rest
//     of the path. The framework's own spelling is accepted as well. No
//     matched route, not public. A pattern that ends in a slash names the
//     route of that very path and the one of all below it ("/docs/*").
func Public(patterns ...string) Option {
	return func(g *Guard) { g.public.add(patterns) }
}

// publicSet is the patterns of Public. The zero value is empty.
type publicSet struct {
	mux    *http.ServeMux
	routes []route
	router *http.ServeMux // what the guard stands before, if known
}

// route is a pattern in its parts.
type route struct{ method, host, path string }

// public marks the patterns in the set's mux: any other handler that it
// returns is a redirect or an error.
type public struct{}

func (public) ServeHTTP(http.ResponseWriter, *http.Request) {}

func (s *publicSet) add(patterns []string) {
	if s.mux == nil {
		s.mux = http.NewServeMux()
	}
	for _, pattern := range patterns {
		s.mux.Handle(pattern, public{}) // panics on a bad one
		s.routes = append(s.routes, parseRoute(pattern))
	}
}

// parseRoute takes apart a pattern that ServeMux has accepted.
func parseRoute(pattern string) route {
	var method string
	if i := strings.IndexAny(pattern, blanks); i >= 0 {
		method, pattern = pattern[:i], strings.TrimLeft(pattern[i:], blanks)
	}
	slash := strings.IndexByte(pattern, '/')
	return route{method, pattern[:slash], pattern[slash:]}
}

// matches decides by the request itself.
func (s *publicSet) matches(r *http.Request) bool {
	if s.mux == nil || r.Method == http.MethodConnect || !plain(r) {
		return false
	}
	handler, pattern := s.mux.Handler(r)
	if _, ok := handler.(public); !ok {
		return false
	}
	for router := s.router; router != nil; {
		handler, routed := router.Handler(r)
		if routed == "" || moreSpecific(parseRoute(routed), parseRoute(pattern)) {
			return false
		}
		router, _ = handler.(*http.ServeMux)
	}
	return true
}

// moreSpecific tells that the router's route, which matches the same request
// as the pattern, is not the one that the pattern names: it has a host of its
// own, or a path that is not at least as wide. Methods do not count: a pattern
// without one names the route in all methods.
func moreSpecific(routed, pattern route) bool {
	return routed.host != "" && routed.host != pattern.host || !covers(routed.path, pattern.path)
}

// names decides by the template of the route that the framework matched.
func (s *publicSet) names(r *http.Request, template string) bool {
	if s.mux == nil || template == "" || r.Method == http.MethodConnect || !plain(r) {
		return false
	}
	for _, route := range s.routes {
		if route.accepts(r) && (route.path == template || sameRoute(route.path, template)) {
			return true
		}
	}
	return false
}

func (p route) accepts(r *http.Request) bool {
	switch {
	case p.host != "" && p.host != hostname(r.Host):
		return false
	case p.method == "" || p.method == r.Method:
		return true
	default:
		return p.method == http.MethodGet && r.Method == http.MethodHead
	}
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host // without a port
}

// plain tells that routers which read the decoded path and routers which read
// the encoded one see the same segments, and that cleaning changes neither.
func plain(r *http.Request) bool {
	path := r.URL.Path
	if r.URL.RawPath != "" && strings.Count(path, "/") != strings.Count(r.URL.RawPath, "/") {
		return false
	}
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// The kinds of a path's segments.
type kind int

const (
	literal kind = iota
	wild         // one segment: {id}, :id
	rest         // all that follows: a final slash or {path...}, *path
	final        // the end after a slash: {$}, and a template's final slash
)

type segment struct {
	kind kind
	text string // of a literal
}

// cut takes the first segment off a path in ServeMux syntax; path starts with
// a slash, and what remains is empty or does so too.
func cut(path string) (segment, string) {
	text, remains := cutText(path)
	switch {
	case text == "", strings.HasSuffix(text, "...}"):
		return segment{kind: rest}, ""
	case text == "{$}":
		return segment{kind: final}, ""
	case strings.HasPrefix(text, "{"):
		return segment{kind: wild}, remains
	default:
		return segment{literal, text}, remains
	}
}

// cutTemplate is cut for the syntax of Echo and Gin.
func cutTemplate(path string) (segment, string) {
	text, remains := cutText(path)
	switch {
	case text == "" && remains == "":
		return segment{kind: final}, ""
	case strings.HasPrefix(text, "*"):
		return segment{kind: rest}, ""
	case strings.HasPrefix(text, ":"):
		return segment{kind: wild}, remains
	default:
		return segment{literal, text}, remains
	}
}

func cutText(path string) (text, remains string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// covers tells that every path which matches narrow matches wide, both in
// ServeMux syntax.
func covers(wide, narrow string) bool {
	for wide != "" {
		var w, n segment
		w, wide = cut(wide)
		if narrow == "" {
			return false
		}
		n, narrow = cut(narrow)
		switch {
		case w.kind == rest:
			return true
		case n.kind == rest:
			return false
		case w.kind == wild && n.kind != final:
		case w != n:
			return false
		}
	}
	return narrow == ""
}

// sameRoute tells that a path in ServeMux syntax and a template name the same
// route.
func sameRoute(path, template string) bool {
	for path != "" && strings.HasPrefix(template, "/") {
		var p, t segment
		p, path = cut(path)
		t, template = cutTemplate(template)
		if p != t && (p.kind != rest || t.kind != final) {
			return false
		}
	}
	return path == "" && template == ""
}
