package guardtest

import (
	"io"
	"net/http"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// runRoutes: which requests a public pattern lets through. Every one comes
// without credentials: it is answered by the public route that the router
// chose, or refused.
func runRoutes(t *testing.T, build Build) {
	named := func(name string) Handler {
		return func(w http.ResponseWriter, _ *http.Request, user client.User, ok bool) {
			if ok {
				t.Errorf("user %v on a public route", user)
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, name)
		}
	}
	s := start(t, build, App{
		Guards: guarded(middleware.Public("GET /health", "GET /quotes/{id}", "/docs/{path...}")),
		Routes: []Route{
			{Method: "GET", Path: "/health", Serve: named("health")},
			{Method: "POST", Path: "/health", Serve: named("changed health")},
			{Method: "GET", Path: "/quotes/{id}", Serve: named("quote")},
			{Method: "GET", Path: "/quotes/private", Serve: named("private")},
			{Method: "GET", Path: "/docs/{path...}", Serve: named("docs")},
			{Method: "GET", Path: "/admin", Serve: named("admin")},
		},
	})
	tests := []struct{ name, line, path, route string }{
		{"public", "GET /health", "", "health"},
		{"query", "GET /health?x=1", "", "health"},
		{"wildcard", "GET /quotes/1", "", "quote"},
		{"rest", "GET /docs/a/b", "", "docs"},
		{"guarded", "GET /admin", "/admin", ""},
		{"no route", "GET /nope", "/nope", ""},
		{"root", "GET /", "/", ""},
		{"G137 preflight", "OPTIONS /health", "/health", ""},
		{"G137 TRACE", "TRACE /health", "/health", ""},
		{"G137 CONNECT", "CONNECT /health", "/health", ""},
		{"G137 upgrade", "GET /admin\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "/admin", ""},
		{"G138 more specific route", "GET /quotes/private", "/quotes/private", ""},
		{"G138 double slash", "GET //health", "//health", ""},
		{"G138 double slash to a guarded route", "GET //admin", "//admin", ""},
		{"G138 dot segment", "GET /./health", "/./health", ""},
		{"G138 dot dot out of it", "GET /docs/../admin", "/docs/../admin", ""},
		{"G138 dot dot into it", "GET /admin/../health", "/admin/../health", ""},
		{"G138 encoded dot dot", "GET /docs/%2e%2e/admin", "/docs/%2e%2e/admin", ""},
		{"G138 encoded slash", "GET /docs%2Fa", "/docs%2Fa", ""},
		{"G138 encoded slash in a wildcard", "GET /quotes/1%2F..%2Fprivate", "/quotes/1%2F..%2Fprivate", ""},
		{"G138 double encoding", "GET /docs%252Fa", "/docs%252Fa", ""},
		{"G138 parameter", "GET /health;x", "/health;x", ""},
		{"G138 trailing dot", "GET /health.", "/health.", ""},
		{"G138 trailing slash", "GET /health/", "/health/", ""},
		{"G138 trailing space", "GET /health%20", "/health%20", ""},
		{"G138 case", "GET /HEALTH", "/HEALTH", ""},
		{"G138 NUL", "GET /health%00", "/health%00", ""},
		{"G144 method", "POST /health", "/health", ""},
		{"G144 method in lower case", "get /health", "/health", ""},
		{"G144 method by header", "POST /health\nX-HTTP-Method-Override: GET\nX-Original-URL: /health\nX-Rewrite-URL: /health", "/health", ""},
		{"G144 path by header", "GET /admin\nX-Original-URL: /health\nX-Forwarded-Uri: /health", "/admin", ""},
		{"G144 path in the query", "GET /admin?/health", "/admin", ""},
		{"G144 absolute form", "GET http://example.com/admin", "/admin", ""},
	}
	for _, tt := range tests {
		want := as(tt.route)
		if tt.path != "" {
			want = noToken(tt.path)
		}
		t.Run(tt.name, func(t *testing.T) { s.expect(t, tt.line, "", want) })
	}
	t.Run("G137 HEAD", func(t *testing.T) {
		want := noToken("/admin")
		want.Body = ""
		s.expect(t, "HEAD /admin", "", want)
	})
	t.Run("a public route looks at no credentials", func(t *testing.T) {
		s.expect(t, "GET /health\nAuthorization: Bearer bad", "", as("health"))
		s.expect(t, "GET /health\nAuthorization: Bearer down", "", as("health"))
		s.expect(t, "GET /health\nAuthorization: Bearer good", "", as("health"))
	})
}

func echoBody(t *testing.T) Handler {
	return func(w http.ResponseWriter, r *http.Request, _ client.User, _ bool) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(body)
	}
}
