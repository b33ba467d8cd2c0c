package guardtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// runLayers: guards inside guards, roles, and guards on single routes.
func runLayers(t *testing.T, build Build) {
	t.Run("roles of the guard", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.Roles("admin", "service"), middleware.Public("GET /open")),
			Routes: []Route{
				{Method: "GET", Path: "/me", Serve: whoami(t)},
				{Method: "GET", Path: "/open", Serve: whoami(t)},
			},
		})
		s.expect(t, "GET /me\nAuthorization: Bearer admin", "", as("root"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", lacking("admin service")("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer expired", "", expired("/me"))
		s.expect(t, "GET /me", "", noToken("/me"))
		s.expect(t, "GET /open\nAuthorization: Bearer good", "", as(anonymous))
	})
	t.Run("roles of a route", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.Optional(), middleware.Public("GET /open")),
			Routes: []Route{
				{Method: "GET", Path: "/admin", Roles: []string{"admin"}, Serve: whoami(t)},
				{Method: "GET", Path: "/open", Roles: []string{"admin"}, Serve: whoami(t)},
				{Method: "GET", Path: "/me", NeedsUser: true, Serve: whoami(t)},
			},
		})
		s.expect(t, "GET /admin\nAuthorization: Bearer admin", "", as("root"))
		s.expect(t, "GET /admin\nAuthorization: Bearer good", "", lacking("admin")("/admin"))
		s.expect(t, "GET /admin", "", noToken("/admin"))
		s.expect(t, "GET /open\nAuthorization: Bearer admin", "", noToken("/open"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
		s.expect(t, "GET /me", "", noToken("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer bad", "", invalid("/me"))
	})
	t.Run("tier of a route", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.Optional(), middleware.Public("GET /open")),
			Routes: []Route{
				{Method: "GET", Path: "/public", Tier: "public", Serve: whoami(t)},
				{Method: "GET", Path: "/beta", Tier: "beta", Serve: whoami(t)},
				{Method: "GET", Path: "/alpha", Tier: "alpha", Serve: whoami(t)},
				{Method: "GET", Path: "/both", Tier: "beta", Roles: []string{"admin"}, Serve: whoami(t)},
				{Method: "GET", Path: "/open", Tier: "guest", Serve: whoami(t)},
			},
		})
		s.expect(t, "GET /public\nAuthorization: Bearer good", "", as("ada"))
		s.expect(t, "GET /beta\nAuthorization: Bearer good", "", below("beta")("/beta"))
		s.expect(t, "GET /beta\nAuthorization: Bearer beta", "", as("eve"))
		s.expect(t, "GET /alpha\nAuthorization: Bearer beta", "", below("alpha")("/alpha"))
		s.expect(t, "GET /beta\nAuthorization: Bearer expired", "", expired("/beta"))
		s.expect(t, "GET /beta", "", noToken("/beta"))
		s.expect(t, "GET /both\nAuthorization: Bearer beta", "", lacking("admin")("/both"))
		s.expect(t, "GET /both\nAuthorization: Bearer admin", "", below("beta")("/both"))
		s.expect(t, "GET /open\nAuthorization: Bearer beta", "", noToken("/open"))
	})
	t.Run("no guard at all", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{Routes: []Route{
			{Method: "GET", Path: "/admin", Roles: []string{"admin"}, Serve: whoami(t)},
			{Method: "GET", Path: "/me", NeedsUser: true, Serve: whoami(t)},
		}})
		s.expect(t, "GET /admin\nAuthorization: Bearer admin", "", noToken("/admin"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", noToken("/me"))
	})
	t.Run("G145 guard on a group", func(t *testing.T) {
		t.Parallel()
		open := guarded(middleware.Public("GET /me", "GET /other"))
		s := start(t, build, App{
			Guards: append(open, guarded(middleware.Public("GET /other"))...),
			Routes: []Route{
				{Method: "GET", Path: "/me", Serve: whoami(t)},
				{Method: "GET", Path: "/other", Serve: whoami(t)},
			},
		})
		s.expect(t, "GET /me", "", noToken("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer bad", "", invalid("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
		s.expect(t, "GET /other", "", as(anonymous))
	})
	t.Run("G145 guard on a route", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{Routes: []Route{
			{Method: "GET", Path: "/me", Guards: guarded(), Serve: whoami(t)},
			{Method: "GET", Path: "/admin", Guards: guarded(), Roles: []string{"admin"}, NeedsUser: true, Serve: whoami(t)},
			{Method: "GET", Path: "/maybe", Guards: guarded(middleware.Optional()), Serve: whoami(t)},
			{Method: "GET", Path: "/open", Serve: whoami(t)},
		}})
		s.expect(t, "GET /me", "", noToken("/me"))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
		s.expect(t, "GET /admin", "", noToken("/admin"))
		s.expect(t, "GET /admin\nAuthorization: Bearer good", "", lacking("admin")("/admin"))
		s.expect(t, "GET /admin\nAuthorization: Bearer admin", "", as("root"))
		s.expect(t, "GET /maybe", "", as(anonymous))
		s.expect(t, "GET /open", "", as(anonymous))
	})
	t.Run("innermost guard decides", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: append(guarded(middleware.Cookie("mana")), guarded(middleware.Optional())...),
			Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}},
		})
		s.expect(t, "GET /me\nCookie: mana=good", "", as(anonymous))
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
	})
	t.Run("the guard's own words", func(t *testing.T) { t.Parallel(); runOwnWords(t, build) })
}

// runOwnWords: realm, writer and hook of a guard serve its routes as well.
func runOwnWords(t *testing.T, build Build) {
	var denials atomic.Int64
	options := []middleware.Option{
		middleware.Realm("mana"),
		middleware.OnDenial(func(*http.Request, *middleware.Denial) { denials.Add(1) }),
		middleware.DenyWith(func(w http.ResponseWriter, _ *http.Request, d *middleware.Denial) {
			d.SetHeader(w.Header())
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(d.Status)
			_, _ = w.Write([]byte(d.Code))
		}),
	}
	s := start(t, build, App{
		Guards: []Layer{{verifierFunc(stub), options}},
		Routes: []Route{{Method: "GET", Path: "/admin", Roles: []string{"admin"}, Serve: whoami(t)}},
	})
	own := func(status int, code, challenge, retryAfter string) answer {
		return answer{
			Status: status, Body: code, Challenge: lines(challenge), RetryAfter: lines(retryAfter),
			ContentType: []string{"text/plain"}, CacheControl: []string{"no-store"},
		}
	}
	s.expect(t, "GET /admin", "", own(401, "UNAUTHORIZED", `Bearer realm="mana"`, ""))
	s.expect(t, "GET /admin\nAuthorization: Bearer good", "", own(403, "FORBIDDEN",
		`Bearer realm="mana", error="insufficient_scope", error_description="the user lacks the role", scope="admin"`, ""))
	s.expect(t, "GET /admin\nAuthorization: Bearer down", "", own(503, "SERVICE_UNAVAILABLE", "", "2"))
	s.expect(t, "GET /admin\nAuthorization: Bearer admin", "", as("root"))
	if got := denials.Load(); got != 3 {
		t.Errorf("OnDenial ran %d times; want 3", got)
	}
}

// runHandlers: what a handler sees, and what becomes of one that breaks.
func runHandlers(t *testing.T, build Build) {
	t.Run("G134 identity headers are gone", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.Public("GET /open"), middleware.Optional()),
			Routes: []Route{
				{Method: "GET", Path: "/me", Serve: noIdentity(t)},
				{Method: "GET", Path: "/open", Serve: noIdentity(t)},
			},
		})
		const spoofed = "\nX-User-Id: root\nX-User-Role: admin\nX-Forwarded-User: root\nRemote-User: root\nX-Request-Id: 7"
		s.expect(t, "GET /me\nAuthorization: Bearer good"+spoofed, "", as("ada"))
		s.expect(t, "GET /me"+spoofed, "", as(anonymous))
		s.expect(t, "GET /open"+spoofed, "", as(anonymous))
	})
	t.Run("identity headers with underscores are gone", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{Guards: guarded(), Routes: []Route{{Method: "GET", Path: "/me", Serve: func(w http.ResponseWriter, r *http.Request, user client.User, ok bool) {
			for name := range r.Header {
				if strings.Contains(name, "_") {
					t.Errorf("the handler sees %s", name)
				}
			}
			whoami(t)(w, r, user, ok)
		}}}})
		s.expect(t, "GET /me\nAuthorization: Bearer good\nX_User_Id: root\nX-Forwarded_User: root\nremote_user: root", "", as("ada"))
	})
	t.Run("identity headers that are kept", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.KeepHeaders("x-forwarded-email")),
			Routes: []Route{{Method: "GET", Path: "/me", Serve: func(w http.ResponseWriter, r *http.Request, _ client.User, _ bool) {
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write([]byte(r.Header.Get("X-Forwarded-Email") + r.Header.Get("X-Forwarded-User")))
			}}},
		})
		s.expect(t, "GET /me\nAuthorization: Bearer good\nX-Forwarded-Email: a@example.com\nX-Forwarded-User: root", "", as("a@example.com"))
	})
	t.Run("S11 what is written into the request", func(t *testing.T) { t.Parallel(); runHandBack(t, build) })
	t.Run("G142 panic", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{
			Guards: guarded(middleware.Optional()),
			Routes: []Route{
				{Method: "GET", Path: "/me", Serve: whoami(t)},
				{Method: "GET", Path: "/broken", Serve: func(http.ResponseWriter, *http.Request, client.User, bool) { panic("broken") }},
			},
		})
		for range 5 {
			if got := s.do(t, "GET /broken\nAuthorization: Bearer good", ""); got.Status != 500 {
				t.Errorf("status = %d; want 500", got.Status)
			}
			s.expect(t, "GET /me", "", as(anonymous))
			before := s.ran.Load()
			if got := s.do(t, "GET /me\nAuthorization: Bearer panic", ""); got.Status != 500 || s.ran.Load() != before {
				t.Errorf("a panic of the verifier: status = %d; want 500, and no handler run", got.Status)
			}
			s.expect(t, "GET /me\nAuthorization: Bearer admin", "", as("root"))
		}
	})
	t.Run("G143 bypass is marked", func(t *testing.T) {
		t.Parallel()
		s := start(t, build, App{Guards: guarded(), Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
		want := as("dev")
		want.Bypass = []string{"dev"}
		s.expect(t, "GET /me\nAuthorization: Bearer dev", "", want)
		s.expect(t, "GET /me\nAuthorization: Bearer good", "", as("ada"))
	})
}

// runHandBack: who stands outside the guard, net/http itself among them, finds
// the form that the handler parsed, and nothing of the user.
func runHandBack(t *testing.T, build Build) {
	parse := func(w http.ResponseWriter, r *http.Request, _ client.User, _ bool) {
		if err := r.ParseMultipartForm(1); err != nil { // what is longer goes to a file
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}
	handler := build(App{Guards: guarded(), Routes: []Route{{Method: "POST", Path: "/upload", Serve: parse}}})
	const body = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nmore than a byte\r\n--b--\r\n"
	r := httptest.NewRequest("POST", "/upload?x=1", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("X-User-Id", "root")
	before := r.Context()
	handler.ServeHTTP(httptest.NewRecorder(), r)
	if r.MultipartForm == nil || len(r.MultipartForm.File["f"]) != 1 || r.Form.Get("x") != "1" {
		t.Fatalf("the form of the request outside is %v, %v; want the one that the handler parsed", r.Form, r.MultipartForm)
	}
	if err := r.MultipartForm.RemoveAll(); err != nil {
		t.Error(err)
	}
	if r.Context() != before || r.Header.Get("X-User-Id") != "root" {
		t.Error("the context or the header of the request outside was changed")
	}
}

func noIdentity(t *testing.T) Handler {
	answer := whoami(t)
	return func(w http.ResponseWriter, r *http.Request, user client.User, ok bool) {
		for _, name := range []string{"X-User-Id", "X-User-Role", "X-Forwarded-User", "Remote-User"} {
			if value := r.Header.Get(name); value != "" {
				t.Errorf("the handler sees %s: %s", name, value)
			}
		}
		if r.Header.Get("X-Request-Id") != "7" {
			t.Error("another header is gone as well")
		}
		answer(w, r, user, ok)
	}
}
