package authserver

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

// routes are all routes with the method that each answers.
var routes = map[string]string{
	wire.RegisterPath: "POST", wire.LoginPath: "POST", wire.RefreshPath: "POST", wire.LogoutPath: "POST",
	wire.SessionPath: "GET", wire.SessionsPath: "GET", wire.SessionsPath + "/x": "DELETE", wire.SecurityEventsPath: "GET",
	wire.ChangePasswordPath: "POST", wire.AccountPath: "DELETE", wire.ValidatePath: "POST", wire.JWKSPath: "GET",
	wire.HealthPath: "GET", "/health": "GET", "/health/live": "GET", "/health/ready": "GET",
	wire.HealthPath + "/live": "GET", wire.HealthPath + "/ready": "GET",
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	type request struct{ method, path string }
	requests := []request{
		{"GET", "/"}, {"GET", "/api/v1/nope"}, {"POST", "/api/v1/nope"}, {"GET", "/api/v1"}, {"GET", "/API/V1/health"},
		{"GET", "/api/v1/auth/jwks/x"}, {"OPTIONS", "/api/v1/nope"}, {"TRACE", wire.HealthPath},
		// A138: paths that a router may clean are other paths.
		{"GET", "//api/v1/health"}, {"GET", "/api//v1/health"}, {"GET", "/api/v1/./health"}, {"GET", "/api/v1/auth/../health"},
		{"GET", "/api/v1/health//"}, {"GET", "/api/v1/health%2f"}, {"GET", "/api%2fv1/health"}, {"GET", "/api/v1/health;x"},
		{"GET", "/api/v1/health%0a"}, {"GET", "/api/v1/health."},
	}
	for path, method := range routes {
		for _, other := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if other != method {
				requests = append(requests, request{other, path})
			}
		}
	}
	h.unchanged(func() {
		for _, r := range requests {
			a := h.do(r.method, r.path, "")
			if a.status != http.StatusNotFound {
				t.Errorf("%s %s: status %d", r.method, r.path, a.status)
				continue
			}
			h.refused(a, wire.NotFound, r.path, "Cannot "+r.method+" "+r.path)
		}
	})
	// A query is no part of the path, and is not repeated: it may hold a token.
	h.refused(h.do("GET", "/api/v1/nope?token=x", ""), wire.NotFound, "/api/v1/nope", "Cannot GET /api/v1/nope")
}

func TestTrailingSlash(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	a := h.post(wire.LoginPath+"/", object{"email": "ann@example.com", "password": goodPassword})
	tokens := decode[wire.TokenResponse](t, a, http.StatusOK)
	a = h.do("GET", wire.SessionPath+"/", "", "Authorization", "Bearer "+tokens.AccessToken)
	decode[wire.SessionResponse](t, a, http.StatusOK)
	decode[wire.Health](t, h.do("GET", "/health/", ""), http.StatusOK)
	h.refused(h.post(wire.LoginPath+"/", "{"), wire.InvalidRequest, wire.LoginPath, "Request body is not a valid JSON object")
}

// TestHEAD: every GET route answers HEAD with the same status and headers.
func TestHEAD(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	authorization := "Bearer " + h.login("ann").AccessToken
	for path, method := range routes {
		if method != "GET" {
			continue
		}
		get := h.do("GET", path, "", "Authorization", authorization)
		head := h.do("HEAD", path, "", "Authorization", authorization)
		get.header.Del("Date")
		head.header.Del("Date")
		if diff := cmp.Diff(get.header, head.header); diff != "" || head.status != get.status || head.body != "" {
			t.Errorf("%s: status %d and %d, body %q, headers (-GET +HEAD):\n%s", path, get.status, head.status, head.body, diff)
		}
	}
	if a := h.do("HEAD", wire.LoginPath, ""); a.status != http.StatusNotFound {
		t.Errorf("HEAD of a POST route: %d", a.status)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.HTTP.CORSOrigins = []string{"https://app.example.com"} })
	for name, a := range map[string]answer{
		"health":    h.do("GET", "/health", ""),
		"jwks":      h.do("GET", wire.JWKSPath, ""),
		"HEAD":      h.do("HEAD", wire.JWKSPath, ""),
		"not found": h.do("GET", "/nope", ""),
		"odd path":  h.do("GET", "//nope", ""),
		"bad body":  h.post(wire.LoginPath, "{"),
		"no token":  h.do("GET", wire.SessionPath, ""),
		"preflight": h.do("OPTIONS", wire.LoginPath, "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST"),
	} {
		for _, want := range [][2]string{
			{"Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload"},
			{"Content-Security-Policy", "default-src 'self'; base-uri 'self'; frame-ancestors 'none'; object-src 'none'"},
			{"X-Frame-Options", "DENY"},
			{"X-Content-Type-Options", "nosniff"},
			{"Referrer-Policy", "strict-origin-when-cross-origin"},
			{"Cross-Origin-Opener-Policy", "same-origin"},
			{"Cross-Origin-Resource-Policy", "same-origin"},
			{"Cache-Control", "no-store"},
		} {
			if name == "jwks" && want[0] == "Cache-Control" || name == "HEAD" && want[0] == "Cache-Control" {
				want[1] = "public, max-age=240"
			}
			if got := a.header.Values(want[0]); len(got) != 1 || got[0] != want[1] {
				t.Errorf("%s: %s: %q, want %q", name, want[0], got, want[1])
			}
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://evil.example.com"
	h := serverFor(t, func(c *Config) { c.HTTP.CORSOrigins = []string{app, "http://localhost:5173"} })
	none := serverFor(t)
	for _, test := range []struct {
		name   string
		h      *harness
		origin string
		want   string
	}{
		{"on the list", h, app, app},
		{"second on the list", h, "http://localhost:5173", "http://localhost:5173"},
		{"not on the list", h, other, ""},
		{"a subdomain", h, "https://x.app.example.com", ""},
		{"another scheme", h, "http://app.example.com", ""},
		{"another port", h, app + ":8443", ""},
		{"null", h, "null", ""},
		{"an empty list", none, app, ""},
	} {
		preflight := test.h.do("OPTIONS", wire.LoginPath, "", "Origin", test.origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,x-app-id,x-requested-with")
		if preflight.status != http.StatusNoContent {
			t.Errorf("%s: preflight status %d", test.name, preflight.status)
		}
		for kind, a := range map[string]answer{
			"preflight": preflight,
			"answer":    test.h.do("GET", wire.JWKSPath, "", "Origin", test.origin),
			"error":     test.h.do("GET", wire.SessionPath, "", "Origin", test.origin),
		} {
			if got := a.header.Get("Access-Control-Allow-Origin"); got != test.want {
				t.Errorf("%s, %s: allowed origin %q, want %q", test.name, kind, got, test.want)
			}
			if got := a.header.Get("Access-Control-Allow-Credentials"); (got == "true") != (test.want != "") {
				t.Errorf("%s, %s: credentials %q", test.name, kind, got)
			}
			if vary := strings.Join(a.header.Values("Vary"), ","); !strings.Contains(vary, "Origin") {
				t.Errorf("%s, %s: Vary %q", test.name, kind, vary)
			}
		}
		if test.want != "" && preflight.header.Get("Access-Control-Allow-Headers") == "" {
			t.Errorf("%s: the preflight allows no headers", test.name)
		}
	}
	a := h.do("OPTIONS", wire.LoginPath, "", "Origin", app, "Access-Control-Request-Method", "TRACE")
	if got := a.header.Get("Access-Control-Allow-Methods"); got != "" {
		t.Errorf("a preflight for TRACE allows %q", got)
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	limited := func(c *Config) { c.HTTP.RateLimitsDisabled = false }
	for _, test := range []struct {
		name, path, body string
		allowed          int
		retryAfter       string
	}{
		{"V15 login", wire.LoginPath, `{}`, 300, "1"},
		{"register", wire.RegisterPath, `{}`, 10, "360"},
		{"refresh", wire.RefreshPath, `{}`, 100, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := serverFor(t, limited)
			for i := range test.allowed {
				if a := h.post(test.path, test.body); a.status != http.StatusBadRequest {
					t.Fatalf("request %d: status %d", i+1, a.status)
				}
			}
			for range 2 { // a refused request costs nothing
				a := h.post(test.path, test.body)
				h.refused(a, wire.RateLimited, test.path, "Request failed: rate limit exceeded, retry later")
				if got := a.header.Get("Retry-After"); got != test.retryAfter {
					t.Errorf("Retry-After %q, want %s", got, test.retryAfter)
				}
			}
			for _, path := range []string{wire.JWKSPath, "/health"} {
				if a := h.do("GET", path, ""); a.status != http.StatusOK {
					t.Errorf("%s: status %d", path, a.status)
				}
			}
			h.verdict("x")
			h.clock.Advance(6 * time.Minute)
			if a := h.post(test.path, test.body); a.status != http.StatusBadRequest {
				t.Errorf("later: status %d", a.status)
			}
		})
	}
}

// TestRateLimitByClient: a client cannot pass for another, but for those whom
// a trusted proxy tells apart.
func TestRateLimitByClient(t *testing.T) {
	t.Parallel()
	login := func(h *harness, forwarded string) int {
		return h.post(wire.LoginPath, `{}`, "X-Forwarded-For", forwarded).status
	}
	one := func(c *Config) {
		c.HTTP.RateLimitsDisabled = false
		c.HTTP.RateLimits.Login = Limit{1, time.Minute}
	}
	direct := serverFor(t, one)
	if first, second := login(direct, "192.0.2.1"), login(direct, "192.0.2.2"); first != 400 || second != 429 {
		t.Errorf("without a trusted proxy: %d, %d", first, second)
	}
	proxied := serverFor(t, one, func(c *Config) { c.HTTP.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for i, test := range []struct {
		forwarded string
		want      int
	}{
		{"192.0.2.1", 400}, {"192.0.2.2", 400}, {"192.0.2.1", 429},
		{"6.6.6.6, 192.0.2.1", 429},                // what the client wrote does not count
		{"192.0.2.1, 127.0.0.9", 429},              // through two proxies
		{"2001:db8::1", 400}, {"2001:db8::2", 429}, // one /64
		{"2001:db8:0:1::1", 400},
	} {
		if got := login(proxied, test.forwarded); got != test.want {
			t.Errorf("%d, %s: %d, want %d", i, test.forwarded, got, test.want)
		}
	}
}

func TestJWKSConditional(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	whole := h.do("GET", wire.JWKSPath, "")
	etag := whole.header.Get("ETag")
	for _, test := range []struct {
		name, header, value string
		want                int
	}{
		{"the same", "If-None-Match", etag, http.StatusNotModified},
		{"weak", "If-None-Match", "W/" + etag, http.StatusNotModified},
		{"among others", "If-None-Match", `"x", ` + etag, http.StatusNotModified},
		{"any", "If-None-Match", "*", http.StatusNotModified},
		{"another", "If-None-Match", `"x"`, http.StatusOK},
		{"a range", "Range", "bytes=0-3", http.StatusOK},
		{"an impossible range", "Range", "bytes=9999-", http.StatusOK},
	} {
		a := h.do("GET", wire.JWKSPath, "", test.header, test.value)
		want := ""
		if test.want == http.StatusOK {
			want = whole.body
		}
		if a.status != test.want || a.body != want {
			t.Errorf("%s: status %d, body %q", test.name, a.status, a.body)
		}
		if a.header.Get("ETag") != etag || a.header.Get("Cache-Control") != "public, max-age=240" {
			t.Errorf("%s: headers %v", test.name, a.header)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	for _, prefix := range []string{"", "/api/v1"} {
		for path, checks := range map[string]map[string]wire.Check{
			"/health":       nil,
			"/health/live":  {"process": {Status: "up"}},
			"/health/ready": {"database": {Status: "up"}, "keys": {Status: "up"}},
		} {
			got := decode[wire.Health](t, h.do("GET", prefix+path, ""), http.StatusOK)
			want := wire.Health{Status: "ok", Timestamp: "2026-01-02T03:04:05.678Z", Checks: checks}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", prefix, path, diff)
			}
		}
	}
}

// TestO13LastOnItsConnection: the answer that says that a server is about to end
// closes its connection, whichever program serves it.
func TestO13LastOnItsConnection(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.server.Drain()
	ready := httptest.NewRecorder()
	h.server.Handler().ServeHTTP(ready, httptest.NewRequestWithContext(t.Context(), "GET", "/health/ready", nil))
	if connection := ready.Header().Get("Connection"); ready.Code != http.StatusServiceUnavailable || connection != "close" {
		t.Errorf("%d, Connection: %q", ready.Code, connection)
	}
}

// TestStoreDown: what cannot be decided is 503 with Retry-After and a text
// that clients keep their tokens on, never a verdict. Keys stay published.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	h.register("ann")
	tokens := h.login("ann")
	if err := h.server.store.Close(); err != nil {
		t.Fatal(err)
	}
	authorization := []string{"Authorization", "Bearer " + tokens.AccessToken}
	for path, a := range map[string]answer{
		wire.RegisterPath: h.post(wire.RegisterPath, object{"email": "bob@example.com", "password": goodPassword, "name": "Bob"}),
		wire.LoginPath:    h.post(wire.LoginPath, object{"email": "ann@example.com", "password": goodPassword}),
		wire.RefreshPath:  h.refresh(tokens.RefreshToken),
		wire.LogoutPath:   h.post(wire.LogoutPath, object{"refreshToken": tokens.RefreshToken}),
		wire.SessionPath:  h.do("GET", wire.SessionPath, "", authorization...),
		wire.ValidatePath: h.post(wire.ValidatePath, object{"token": tokens.AccessToken}),
	} {
		h.refused(a, wire.ServiceUnavailable, path, "Request failed: service unavailable, retry later")
		if a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: Retry-After %q", path, a.header.Get("Retry-After"))
		}
	}
	h.valid("x", wire.ValidateInvalidPrefix+"malformed") // this one needs no store
	if a := h.do("GET", wire.JWKSPath, ""); a.status != http.StatusOK || !strings.Contains(a.body, `"alg":"EdDSA"`) {
		t.Errorf("jwks: %d %s", a.status, a.body)
	}
	for _, path := range []string{"/health", "/health/live"} {
		if a := h.do("GET", path, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	a := h.do("GET", "/health/ready", "")
	got := decode[wire.Unready](t, a, http.StatusServiceUnavailable)
	want := wire.Unready{
		Envelope: wire.NewEnvelope(wire.ServiceUnavailable, "Request failed: service unavailable, retry later", "/health/ready", begin),
		Status:   "error", Checks: map[string]wire.Check{"database": {Status: "down"}, "keys": {Status: "up"}},
	}
	want.Envelope.Status = 0 // the member status has the word
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	if !strings.Contains(h.log.String(), "request could not be decided") || !strings.Contains(h.log.String(), "not ready") {
		t.Error("the operator is not told")
	}
}
