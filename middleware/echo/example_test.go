package authecho_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	authecho "github.com/manacore/manacore-go/middleware/echo"
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

	e := echo.New()
	e.Use(authecho.Guard(auth, middleware.Public("GET /health", "GET /quotes/{id}")))
	e.GET("/health", func(c echo.Context) error { return c.String(http.StatusOK, "ok") })
	e.GET("/quotes/:id", func(c echo.Context) error { return c.String(http.StatusOK, "quote "+c.Param("id")) })
	e.GET("/quotes/mine", authecho.UserFunc(func(c echo.Context, user client.User) error {
		return c.String(http.StatusOK, "quotes of "+user.ID)
	}))
	e.GET("/admin", func(c echo.Context) error { return c.String(http.StatusOK, "secrets") }, authecho.RequireRole("admin"))

	token := issuer.Token(authtest.Subject("ada"))
	get(e, "/health", "")
	get(e, "/quotes/7", "")
	get(e, "/quotes/mine", "")
	get(e, "/quotes/mine", token)
	get(e, "/admin", token)
	get(e, "/admin", issuer.Token(authtest.Role("admin")))

	// Output:
	// /health 200 ok
	// /quotes/7 200 quote 7
	// /quotes/mine 401 Bearer
	// /quotes/mine 200 quotes of ada
	// /admin 403 Bearer error="insufficient_scope", error_description="the user lacks the role", scope="admin"
	// /admin 200 secrets
}

// A guard on a group. Anonymous callers of an optional route have no user.
func ExampleGuard_group() {
	issuer := authtest.Start()
	defer issuer.Close()
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()

	e := echo.New()
	shop := e.Group("/shop", authecho.Guard(auth, middleware.Optional()))
	shop.GET("/cart", func(c echo.Context) error {
		user, ok := client.CurrentUser(c.Request().Context())
		if !ok {
			return c.String(http.StatusOK, "an empty cart")
		}
		return c.String(http.StatusOK, "the cart of "+user.ID)
	})

	get(e, "/shop/cart", "")
	get(e, "/shop/cart", issuer.Token(authtest.Subject("ada")))
	get(e, "/shop/cart", issuer.Token(authtest.OtherKey()))

	// Output:
	// /shop/cart 200 an empty cart
	// /shop/cart 200 the cart of ada
	// /shop/cart 401 Bearer error="invalid_token", error_description="the token is not valid"
}
