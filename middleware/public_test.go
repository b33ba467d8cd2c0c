package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
)

func TestPublicPatterns(t *testing.T) {
	t.Parallel()
	patterns := []string{"GET /health", "/open", "GET /quotes/{id}", "/docs/", "GET /page/{$}", "POST api.example.com/hook", "/files/{path...}", "GET /caf%C3%A9"}
	tests := []struct {
		name, method, target string
		public               bool
	}{
		{"exact", "GET", "/health", true},
		{"query does not count", "GET", "/health?x=/../admin", true},
		{"HEAD by GET", "HEAD", "/health", true},
		{"G144 other method", "POST", "/health", false},
		{"G144 invented method", "get", "/health", false},
		{"G137 preflight", "OPTIONS", "/health", false},
		{"any method", "DELETE", "/open", true},
		{"CONNECT", "CONNECT", "/open", false},
		{"trailing slash", "GET", "/health/", false},
		{"trailing dot", "GET", "/health.", false},
		{"trailing encoded dot", "GET", "/health%2e", false},
		{"case", "GET", "/Health", false},
		{"parameter", "GET", "/health;x", false},
		{"double slash", "GET", "//health", false},
		{"inner double slash", "GET", "/docs//a", false},
		{"dot segment", "GET", "/./health", false},
		{"dot dot", "GET", "/docs/../admin", false},
		{"dot dot into it", "GET", "/admin/../health", false},
		{"encoded dot dot", "GET", "/docs/%2e%2e/admin", false},
		{"half-encoded dot dot", "GET", "/docs/.%2E/admin", false},
		{"encoded slash", "GET", "/docs/a%2Fb", false},
		{"encoded slash in a wildcard", "GET", "/quotes/1%2Fsecret", false},
		{"encoded in the pattern as well", "GET", "/caf%C3%A9", true},
		{"S16 encoded letter", "GET", "/%68ealth", false},
		{"wildcard", "GET", "/quotes/1", true},
		{"wildcard, deeper", "GET", "/quotes/1/secret", false},
		{"wildcard, empty", "GET", "/quotes/", false},
		{"subtree", "GET", "/docs/a/b", true},
		{"subtree's root", "GET", "/docs/", true},
		{"subtree without its slash", "GET", "/docs", false},
		{"exact slash", "GET", "/page/", true},
		{"below an exact slash", "GET", "/page/x", false},
		{"rest", "GET", "/files/a/b", true},
		{"host", "POST", "http://api.example.com/hook", true},
		{"host and port", "POST", "http://api.example.com:8080/hook", true},
		{"another host", "POST", "http://example.com/hook", false},
		{"unknown", "GET", "/admin", false},
		{"asterisk", "OPTIONS", "*", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			for _, pattern := range patterns {
				mux.Handle(pattern, public{})
			}
			g := New(oneToken, Public(patterns...)).Behind(mux)
			r := request(t, tt.method, tt.target)
			if got := g.public.matches(r); got != tt.public {
				t.Errorf("%s %s: public = %v; want %v", tt.method, tt.target, got, tt.public)
			}
		})
	}
}

func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if target == "*" {
		u, err = &url.URL{Path: "*"}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

func TestPublicAsksTheRouter(t *testing.T) {
	t.Parallel()
	routes := []string{
		"GET /health", "GET /quotes/{id}", "GET /quotes/private", "GET /quotes/{id}/notes",
		"/docs/", "/docs/internal/", "admin.example.com/docs/", "/{$}", "GET /tree/", "/api/",
	}
	tests := []struct {
		name, public, method, target string
		want                         bool
	}{
		{"the route itself", "GET /health", "GET", "/health", true},
		{"pattern for every method", "/health", "GET", "/health", true},
		{"no route for the method", "/health", "POST", "/health", false},
		{"no route", "/nope", "GET", "/nope", false},
		{"other name of the wildcard", "GET /quotes/{quote}", "GET", "/quotes/1", true},
		{"G138 more specific route", "GET /quotes/{id}", "GET", "/quotes/private", false},
		{"named as well", "GET /quotes/private", "GET", "/quotes/private", true},
		{"subtree", "/docs/", "GET", "/docs/a", true},
		{"rest wildcard", "/docs/{rest...}", "GET", "/docs/a", true},
		{"G138 more specific subtree", "/docs/", "GET", "/docs/internal/a", false},
		{"G138 wildcard route inside a subtree", "/quotes/", "GET", "/quotes/1", false},
		{"G138 host's own route", "/docs/", "GET", "http://admin.example.com/docs/a", false},
		{"everything, specific route", "/", "GET", "/health", false},
		{"everything, exact root", "/", "GET", "/", false},
		{"exact root", "/{$}", "GET", "/", true},
		{"part of a wide route", "/api/open", "GET", "/api/open", true},
		{"S15 part of a wide route by wildcard", "/api/{x}/y", "GET", "/api/1/y", false},
		{"rest of a wide route", "/api/{x}/y", "GET", "/api/1/z", false},
		{"router would redirect", "/tree", "GET", "/tree", false},
		{"deeper route", "/quotes/", "GET", "/quotes/1/notes", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			for _, route := range routes {
				mux.HandleFunc(route, func(http.ResponseWriter, *http.Request) {})
			}
			g := New(oneToken, Public(tt.public)).Behind(mux)
			if got := g.public.matches(request(t, tt.method, tt.target)); got != tt.want {
				t.Errorf("Public(%q), %s %s: %v; want %v", tt.public, tt.method, tt.target, got, tt.want)
			}
		})
	}
}

// G138: a mux that is a route of the guard's own is asked as well.
func TestPublicAsksTheMuxInside(t *testing.T) {
	t.Parallel()
	mux := func(pattern string, handler http.Handler) *http.ServeMux {
		m := http.NewServeMux()
		m.Handle(pattern, handler)
		return m
	}
	quotes := mux("GET /api/quotes/{id}", public{})
	quotes.Handle("GET /api/quotes/private", public{})
	router := mux("/api/", mux("/api/quotes/", quotes))
	for target, want := range map[string]bool{
		"/api/quotes/1": true, "/api/quotes/private": false, "/api/quotes/": false, "/api/quotes/1/notes": false, "/api/other": false,
	} {
		g := New(oneToken, Public("/api/quotes/{id}")).Behind(router)
		if got := g.public.matches(request(t, "GET", target)); got != want {
			t.Errorf("GET %s: %v; want %v", target, got, want)
		}
	}
}

func TestPublicTemplates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pattern, method, template string
		want                            bool
	}{
		{"exact", "GET /health", "GET", "/health", true},
		{"HEAD by GET", "GET /health", "HEAD", "/health", true},
		{"other method", "GET /health", "DELETE", "/health", false},
		{"any method", "/health", "DELETE", "/health", true},
		{"CONNECT", "/health", "CONNECT", "/health", false},
		{"no route", "/", "GET", "", false},
		{"parameter", "/quotes/{id}", "GET", "/quotes/:quote", true},
		{"parameter in the framework's spelling", "/quotes/:id", "GET", "/quotes/:id", true},
		{"G138 more specific route", "/quotes/{id}", "GET", "/quotes/private", false},
		{"wider route", "/quotes/private", "GET", "/quotes/:id", false},
		{"deeper route", "/quotes/{id}", "GET", "/quotes/:id/notes", false},
		{"shorter route", "/quotes/{id}/notes", "GET", "/quotes/:id", false},
		{"rest, Echo", "/docs/", "GET", "/docs/*", true},
		{"rest, Gin", "/docs/{path...}", "GET", "/docs/*path", true},
		{"rest in the framework's spelling", "/static*", "GET", "/static*", true},
		{"another router's spelling", "/quotes/{id}", "GET", "/quotes/{quote}", true},
		{"an expression is another route", "/quotes/{id}", "GET", "/quotes/{id:[0-9]+}", false},
		{"host's own route", "/docs/", "GET", "api.example.com/docs/*", false},
		{"host's own route, other host", "www.example.com/docs/", "GET", "api.example.com/docs/*", false},
		{"template without a slash", "/x", "GET", "users/x", false},
		{"slash", "/docs/", "GET", "/docs/", true},
		{"slash of the rest", "/docs/{path...}", "GET", "/docs/", true},
		{"exact slash", "/docs/{$}", "GET", "/docs/", true},
		{"exact slash and the rest", "/docs/{$}", "GET", "/docs/*", false},
		{"route below a subtree", "/docs/", "GET", "/docs/internal", false},
		{"everything is not every route", "/", "GET", "/admin", false},
		{"root", "/", "GET", "/", true},
		{"host", "api.example.com/hook", "GET", "/hook", false},
		{"case", "/health", "GET", "/Health", false},
		{"trailing slash", "/health", "GET", "/health/", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := New(oneToken, Public(tt.pattern))
			if got := g.public.names(request(t, tt.method, "/whatever"), tt.template); got != tt.want {
				t.Errorf("Public(%q), %s route %q: %v; want %v", tt.pattern, tt.method, tt.template, got, tt.want)
			}
		})
	}
	t.Run("S30 the route of Echo's Static", func(t *testing.T) {
		t.Parallel()
		g := New(oneToken, Public("GET /docs/", "GET /u/{id}/docs/"))
		for target, want := range map[string]bool{
			"/docs/": true, "/docs/a": true, "/docs/a/b": true, "/docs": false, "/docsecret": false, "/docsecret/a": false, "/docs.bak/": false,
		} {
			if got := g.public.names(request(t, "GET", target), "/docs*"); got != want {
				t.Errorf("%s: %v; want %v", target, got, want)
			}
		}
		for target, want := range map[string]bool{"/u/1/docs/a": true, "/u/1/docsecret": false, "/u/docs/docs/": true} {
			if got := g.public.names(request(t, "GET", target), "/u/:id/docs*"); got != want {
				t.Errorf("%s: %v; want %v", target, got, want)
			}
		}
		if g.public.names(request(t, "GET", "/docs/a"), "/doc*") || g.public.names(request(t, "GET", "/docs/a"), "/*") {
			t.Error("a wider route is public")
		}
	})
	for name, target := range map[string]string{
		"encoded slash": "/docs/a%2Fb", "double slash": "/docs//a", "dot segment": "/docs/./a",
		"dot dot": "/docs/../a", "encoded dot dot": "/docs/%2e%2E/a",
	} {
		t.Run("G138 "+name, func(t *testing.T) {
			t.Parallel()
			g := New(oneToken, Public("/docs/"))
			if !g.public.names(request(t, "GET", "/docs/a"), "/docs/*") || g.public.names(request(t, "GET", target), "/docs/*") {
				t.Errorf("%s is public; want not", target)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		wide, narrow string
		want         bool
	}{
		{"/a", "/a", true},
		{"/a", "/b", false},
		{"/a", "/a/b", false},
		{"/a/b", "/a", false},
		{"/{x}", "/{y}", true},
		{"/{x}", "/a", true},
		{"/a", "/{x}", false},
		{"/a/{x}", "/a/{$}", false},
		{"/a/{$}", "/a/{$}", true},
		{"/a/", "/a/{$}", true},
		{"/a/", "/a/{x...}", true},
		{"/a/", "/a/b/c", true},
		{"/a/", "/a", false},
		{"/a/{x}", "/a/", false},
		{"/{x}/b", "/a/", false},
		{"/", "/a/", true},
	}
	for _, tt := range tests {
		if got := covers(tt.wide, tt.narrow); got != tt.want {
			t.Errorf("covers(%q, %q) = %v; want %v", tt.wide, tt.narrow, got, tt.want)
		}
	}
}

func TestNewPanics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func()
	}{
		{"S36 nil verifier", func() { New(nil) }},
		{"S36 nil client", func() { New((*client.Client)(nil)) }},
		{"S36 nil function", func() { New(verifierFunc(nil)) }},
		{"nil option", func() { New(oneToken, nil) }},
		{"nil handler", func() { New(oneToken).Behind(nil) }},
		{"nil mux", func() { New(oneToken).Behind((*http.ServeMux)(nil)) }},
		{"header that no guard removes", func() { KeepHeaders("X-Request-Id") }},
		{"bad pattern", func() { New(oneToken, Public("health")) }},
		{"bad wildcard", func() { New(oneToken, Public("/a/{x")) }},
		{"same pattern twice", func() { New(oneToken, Public("/a", "/a")) }},
		{"no role", func() { Roles() }},
		{"empty role", func() { Roles("") }},
		{"role of two words", func() { Roles("a b") }},
		{"G136 role that breaks out of the quotes", func() { Roles(`a", error="x`) }},
		{"G136 realm with a line feed", func() { Realm("a\r\nb") }},
		{"empty cookie name", func() { Cookie("") }},
		{"cookie name with a separator", func() { Cookie("a;b") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if panicOf(tt.make) == nil {
				t.Error("no panic")
			}
		})
	}
}

func panicOf(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

// The message of a nil Verifier names its type and what was not looked at.
func TestS36NilVerifierSaysWhatToDo(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(panicOf(func() { New((*client.Client)(nil)) }))
	for _, want := range []string{"*client.Client", "nil", "error", "client.FromEnv"} {
		if !strings.Contains(got, want) {
			t.Errorf("the panic says %q; want %s in it", got, want)
		}
	}
}

// S15: a handler that hides its routes.
type hiding struct{ http.Handler }

// seeThrough is a middleware that says what is inside.
type seeThrough struct{ http.Handler }

func (s seeThrough) Unwrap() http.Handler { return s.Handler }

func TestS15WildcardsNeedTheRouter(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("GET /articles/{slug}", public{})
	mux.Handle("GET /articles/feed", public{})
	mux.Handle("GET /docs/", public{})
	logger := http.HandlerFunc(mux.ServeHTTP)
	for _, tt := range []struct {
		name, public string
		next         http.Handler
		panics       bool
	}{
		{"the mux itself", "GET /articles/{slug}", mux, false},
		{"a logger between", "GET /articles/{slug}", logger, true},
		{"a router of another kind", "GET /articles/{slug}", hiding{mux}, true},
		{"a prefix cut off", "GET /articles/{slug}", http.StripPrefix("/api", mux), true},
		{"a time limit between", "GET /articles/{slug}", http.TimeoutHandler(mux, 1, ""), true},
		{"a body limit between", "GET /articles/{slug}", http.MaxBytesHandler(mux, 1), true},
		{"a mux that can be seen", "GET /articles/{slug}", seeThrough{seeThrough{mux}}, false},
		{"a hidden one that can be seen", "GET /articles/{slug}", seeThrough{logger}, true},
		{"a rest", "/docs/{path...}", logger, true},
		{"a final slash", "GET /docs/", logger, true},
		{"everything", "/", logger, true},
		{"an exact path", "GET /articles/feed", logger, false},
		{"an exact slash", "GET /docs/{$}", logger, false},
		{"an exact root", "/{$}", logger, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := panicOf(func() { New(oneToken, Public(tt.public)).Behind(tt.next) })
			if (got != nil) != tt.panics {
				t.Fatalf("panic = %v; want %v", got, tt.panics)
			}
			if text := fmt.Sprint(got); got != nil && (!strings.Contains(text, tt.public) || !strings.Contains(text, fmt.Sprintf("%T", tt.next)) || !strings.Contains(text, "ServeMux")) {
				t.Errorf("the panic says %q; want the pattern, the handler's type and what to do", text)
			}
		})
	}
	t.Run("feed needs a user", func(t *testing.T) {
		t.Parallel()
		for _, next := range []http.Handler{mux, seeThrough{mux}} {
			g := New(oneToken, Public("GET /articles/{slug}")).Behind(next)
			if _, denial := g.Admit(request(t, "GET", "/articles/1")); denial != nil {
				t.Errorf("%T: /articles/1 is not public", next)
			}
			if _, denial := g.Admit(request(t, "GET", "/articles/feed")); denial == nil {
				t.Errorf("%T: /articles/feed is public", next)
			}
		}
	})
	t.Run("without Behind", func(t *testing.T) {
		t.Parallel()
		g := New(oneToken, Public("GET /articles/{slug}", "/docs/", "GET /health"))
		for target, want := range map[string]bool{"/articles/1": false, "/docs/a": false, "/docs/": false, "/health": true} {
			if _, denial := g.Admit(request(t, "GET", target)); (denial == nil) != want {
				t.Errorf("%s: denial = %v; want public %v", target, denial, want)
			}
		}
	})
}

// FuzzPublic holds the guard to the router: what passes without a look at the
// credentials is served by the one public route and by no other.
func FuzzPublic(f *testing.F) {
	const mark = "Public-Route"
	mux := http.NewServeMux()
	for _, route := range []string{"GET /quotes/{id}", "GET /docs/"} {
		mux.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(mark, "1") })
	}
	for _, route := range []string{"/", "GET /quotes/private", "GET /docs/internal/", "POST /docs/", "/admin"} {
		mux.HandleFunc(route, func(http.ResponseWriter, *http.Request) {})
	}
	g := New(oneToken, Public("GET /quotes/{id}", "GET /docs/")).Behind(mux)
	for _, seed := range []string{"/quotes/1", "/quotes/private", "//quotes/1", "/docs/../admin", "/docs/%2e%2e/admin", "/docs/a%2F..%2Fb", "/docs/internal/x", "/docs"} {
		f.Add("GET", seed)
		f.Add("POST", seed)
	}
	f.Add("CONNECT", "/docs/../admin")
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			t.Skip()
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		admitted, denial := g.Admit(r)
		if denial != nil {
			return
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, admitted)
		if w.Header().Get(mark) == "" {
			t.Fatalf("%s %q passed and was served by %q", method, target, admitted.Pattern)
		}
	})
}
