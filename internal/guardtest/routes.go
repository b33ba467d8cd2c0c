package guardtest

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
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
		{"S16 parameter as a dot segment", "GET /docs/..;/admin", "/docs/..;/admin", ""},
		{"S16 parameter", "GET /docs/a;b=c/d", "/docs/a;b=c/d", ""},
		{"S16 encoded parameter", "GET /docs/..%3B/admin", "/docs/..%3B/admin", ""},
		{"S16 backslash", `GET /docs/..\admin`, "/docs/..%5Cadmin", ""},
		{"S16 encoded backslash", "GET /docs/..%5Cadmin", "/docs/..%5Cadmin", ""},
		{"S16 encoded twice", "GET /docs/%252e%252e/admin", "/docs/%252e%252e/admin", ""},
		{"S16 overlong dots", "GET /docs/%c0%ae%c0%ae/admin", "/docs/%c0%ae%c0%ae/admin", ""},
		{"S16 overlong slash", "GET /docs/..%c0%afadmin", "/docs/..%c0%afadmin", ""},
		{"S16 wide dots", "GET /docs/%EF%BC%8E%EF%BC%8E/admin", "/docs/%EF%BC%8E%EF%BC%8E/admin", ""},
		{"S16 wide slash", "GET /docs/..%EF%BC%8Fadmin", "/docs/..%EF%BC%8Fadmin", ""},
		{"S16 NUL inside", "GET /docs/..%00/admin", "/docs/..%00/admin", ""},
		{"S16 blank after dots", "GET /docs/..%20/admin", "/docs/..%20/admin", ""},
		{"S16 three dots", "GET /docs/.../admin", "/docs/.../admin", ""},
		{"S16 invisible character", "GET /docs/.%E2%80%8B./admin", "/docs/.%E2%80%8B./admin", ""},
		{"S16 empty segment", "GET /docs/a//b", "/docs/a//b", ""},
		{"S16 encoded question mark", "GET /quotes/1%3Fx", "/quotes/1%3Fx", ""},
		{"S16 encoded letter", "GET /quotes/%70rivate", "/quotes/%70rivate", ""},
		{"S16 encoded letter in a public path", "GET /%64ocs/a", "/%64ocs/a", ""},
		{"S16 what is encoded because it must be", "GET /quotes/caf%C3%A9%20au%20lait", "", "quote"},
		{"S16 what may be encoded", "GET /docs/a%40b/c%3Ad", "", "docs"},
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
	t.Run("S30 pattern without a route", func(t *testing.T) { runUnrouted(t, build) })
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

// runUnrouted: of these patterns two name no route, and the guard says so once,
// in the log that it was given.
func runUnrouted(t *testing.T, build Build) {
	var log bytes.Buffer
	s := start(t, build, App{
		Guards: guarded(
			middleware.Public("GET /helth", "GET /health", "POST /quotes/{id}", "GET /quotes/{id}", "/docs/{path...}"),
			middleware.Logger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))),
		Routes: []Route{
			{Method: "GET", Path: "/health", Serve: whoami(t)},
			{Method: "GET", Path: "/quotes/{id}", Serve: whoami(t)},
			{Method: "GET", Path: "/docs/{path...}", Serve: whoami(t)},
		},
	})
	for range 3 {
		s.expect(t, "GET /helth", "", noToken("/helth"))
		s.expect(t, "GET /health", "", as(anonymous))
	}
	s.server.Close() // no handler writes to the log any more
	text := log.String()
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, "GET /helth") || !strings.Contains(text, "POST /quotes/{id}") {
		t.Errorf("the log says %q; want one line for each pattern without a route", text)
	}
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
