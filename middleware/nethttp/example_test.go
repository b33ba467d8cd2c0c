package nethttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// get calls a route of handler with a token, or with none, and prints the
// status and, where it says 200, the body.
func get(handler http.Handler, path, token string) {
	r := httptest.NewRequest("GET", path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	body := w.Body.String()
	if w.Code != http.StatusOK {
		body = w.Header().Get("WWW-Authenticate")
	}
	fmt.Println(path, w.Code, body)
}

func Example() {
	issuer := authtest.Start() // stands in for the auth server
	defer issuer.Close()
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		user, _ := client.CurrentUser(r.Context())
		_, _ = io.WriteString(w, user.Email)
	})
	mux.Handle("GET /favorites", nethttp.UserFunc(func(w http.ResponseWriter, _ *http.Request, user client.User) {
		_, _ = io.WriteString(w, "favorites of "+user.ID)
	}))
	mux.Handle("GET /admin", nethttp.RequireRole("admin")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "secrets")
	})))
	handler := nethttp.Guard(auth, middleware.Public("GET /health"))(mux)

	token := issuer.Token(authtest.Subject("ada"), authtest.Email("ada@example.com"))
	get(handler, "/health", "")
	get(handler, "/me", "")
	get(handler, "/me", token)
	get(handler, "/me", issuer.Token(authtest.Expired()))
	get(handler, "/favorites", token)
	get(handler, "/admin", token)
	get(handler, "/admin", issuer.Token(authtest.Role("admin")))

	// Output:
	// /health 200 ok
	// /me 401 Bearer
	// /me 200 ada@example.com
	// /me 401 Bearer error="invalid_token", error_description="the token expired"
	// /favorites 200 favorites of ada
	// /admin 403 Bearer error="insufficient_scope", error_description="the user lacks the role", scope="admin"
	// /admin 200 secrets
}

// In a handler's own test, client.WithUser stands in for the guard.
func ExampleUserFunc() {
	handler := nethttp.UserFunc(func(_ http.ResponseWriter, _ *http.Request, user client.User) {
		fmt.Println("called by", user.ID)
	})
	r := httptest.NewRequest("GET", "/favorites", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)

	r = r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"}))
	handler.ServeHTTP(httptest.NewRecorder(), r)

	// Output:
	// 401
	// called by ada
}
