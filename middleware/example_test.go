package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
)

// known stands in for client.FromEnv: it knows one token.
type known struct{}

func (known) Verify(_ context.Context, token string) (client.User, error) {
	switch token {
	case "good":
		return client.User{ID: "ada"}, nil
	case "":
		return client.User{}, client.ErrNoToken
	default:
		return client.User{}, client.ErrSignature
	}
}

// router is a framework of one's own: it finds the route of a request, and
// tells its template.
type router map[string]http.HandlerFunc

func (r router) match(req *http.Request) (template string, handler http.HandlerFunc) {
	if handler, ok := r[req.URL.Path]; ok {
		return req.URL.Path, handler
	}
	if id, ok := strings.CutPrefix(req.URL.Path, "/quotes/"); ok && id != "" && !strings.Contains(id, "/") {
		return "/quotes/{id}", r["/quotes/{id}"]
	}
	return "", http.NotFound
}

// guarded is the whole adapter.
func guarded(r router, guard *middleware.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		template, handler := r.match(req)
		admitted, denial := guard.AdmitRoute(req, template)
		if denial != nil {
			denial.Write(w, req)
			return
		}
		defer middleware.HandBack(req, admitted)
		middleware.MarkBypass(w.Header(), admitted)
		handler(w, admitted)
	})
}

// An adapter for a framework of one's own. The route "/quotes/mine" is more
// specific than the public one, and needs a user.
func ExampleGuard_AdmitRoute() {
	guard := middleware.New(known{}, middleware.Public("GET /quotes/{id}"))
	handler := guarded(router{
		"/quotes/{id}": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a quote") },
		"/quotes/mine": func(w http.ResponseWriter, r *http.Request) {
			user, _ := client.CurrentUser(r.Context())
			fmt.Fprint(w, "quotes of ", user.ID)
		},
	}, guard)

	for _, request := range []struct{ path, authorization string }{
		{"/quotes/7", ""}, {"/quotes/mine", ""}, {"/quotes/mine", "Bearer good"}, {"/nothing", ""},
	} {
		r := httptest.NewRequest("GET", request.path, nil)
		if request.authorization != "" {
			r.Header.Set("Authorization", request.authorization)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != http.StatusOK {
			body = w.Header().Get("WWW-Authenticate")
		}
		fmt.Println(request.path, w.Code, body)
	}

	// Output:
	// /quotes/7 200 a quote
	// /quotes/mine 401 Bearer
	// /quotes/mine 200 quotes of ada
	// /nothing 401 Bearer
}

// Answers in a form of one's own. SetHeader keeps the challenge, Retry-After
// and that no cache stores the answer.
func ExampleDenyWith() {
	guard := middleware.New(known{},
		middleware.Logger(slog.New(slog.DiscardHandler)),
		middleware.DenyWith(func(w http.ResponseWriter, _ *http.Request, d *middleware.Denial) {
			d.SetHeader(w.Header())
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(d.Status)
			fmt.Fprintf(w, `{"status":%d,"title":%q}`, d.Status, d.Message)
		}))

	for _, authorization := range []string{"", "good", "Bearer forged"} {
		r := httptest.NewRequest("GET", "/me", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		_, denial := guard.Admit(r)
		w := httptest.NewRecorder()
		denial.Write(w, r)
		fmt.Println(w.Body, w.Header().Get("WWW-Authenticate"))
	}

	// Output:
	// {"status":401,"title":"No token provided"} Bearer
	// {"status":401,"title":"No token provided: the Authorization header holds one word, and must hold Bearer, a space and the token"} Bearer
	// {"status":401,"title":"Invalid token"} Bearer error="invalid_token", error_description="the token is not valid"
}
