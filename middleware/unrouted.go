package middleware

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Route is a route of a router that can list its own.
type Route struct {
	Method   string
	Template string // as AdmitRoute gets it
}

// Unrouted returns those of the patterns of Public that name none of routes.
// It is for adapters: the function Unrouted of each takes its own router.
func Unrouted(routes []Route, patterns ...string) []string {
	var set publicSet
	set.add(patterns)
	var unrouted []string
	for _, p := range set.patterns {
		if !slices.ContainsFunc(routes, p.namesRoute) {
			unrouted = append(unrouted, p.text)
		}
	}
	return unrouted
}

func (p pattern) namesRoute(route Route) bool {
	host, template := splitHost(route.Template)
	return p.acceptsMethod(route.Method) && p.acceptsHost(host) && p.isRoute(template, "")
}

// UnroutedMux is Unrouted for the routes of a ServeMux. That lists none, so it
// is asked for the route of an example of each pattern.
func UnroutedMux(mux *http.ServeMux, patterns ...string) []string {
	var unrouted []string
	for _, text := range patterns {
		set := publicSet{router: mux}
		set.add([]string{text})
		if !slices.ContainsFunc(examples(set.patterns[0]), set.matches) {
			unrouted = append(unrouted, text)
		}
	}
	return unrouted
}

// examples are requests of which one goes to the pattern's route, if there is
// such a route. Two of them differ in what stands for the rest of the path,
// since there may be more specific routes.
func examples(p pattern) []*http.Request {
	methods := []string{p.method}
	if p.method == "" {
		methods = []string{
			http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodOptions, http.MethodTrace,
		}
	}
	var requests []*http.Request
	for _, method := range methods {
		for _, rest := range []string{"", anything + "/" + anything + "/" + anything} {
			requests = append(requests, &http.Request{Method: method, Host: p.host, URL: &url.URL{Path: example(p.path, rest)}})
		}
	}
	return requests
}

// anything stands for a wildcard in an example: a segment that no route names.
const anything = "any-0"

// example is a path that matches a path in ServeMux syntax.
func example(path, rest string) string {
	var b strings.Builder
	for path != "" {
		var s segment
		s, path = cut(path)
		b.WriteByte('/')
		switch s.kind {
		case literal:
			b.WriteString(s.text)
		case wild:
			b.WriteString(anything)
		case remainder:
			b.WriteString(rest)
		case final:
		}
	}
	return b.String()
}

// WarnUnrouted logs a warning for each pattern of Public that names none of
// routes. Adapters for routers that list their routes call it once, at the
// first request, when all routes are registered.
func (g *Guard) WarnUnrouted(routes []Route) { g.warnUnrouted(Unrouted(routes, g.public.texts()...)) }

func (g *Guard) warnUnrouted(patterns []string) {
	for _, text := range patterns {
		g.refusals.logger().Warn("a public pattern names no route, and makes nothing public: compare it with the routes of the router",
			slog.String("pattern", text))
	}
}

func (s *publicSet) texts() []string {
	texts := make([]string, len(s.patterns))
	for i, p := range s.patterns {
		texts[i] = p.text
	}
	return texts
}
