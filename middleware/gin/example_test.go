package authgin_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	authgin "github.com/manacore/manacore-go/middleware/gin"
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

	r := gin.New()
	r.Use(authgin.Guard(auth, middleware.Public("GET /health", "GET /quotes/{id}")))
	r.GET("/health", func(c *gin.Context) { c.String(http.StatusOK, "ok") })
	r.GET("/quotes/:id", func(c *gin.Context) { c.String(http.StatusOK, "quote "+c.Param("id")) })
	r.GET("/quotes/mine", authgin.UserFunc(func(c *gin.Context, user client.User) {
		c.String(http.StatusOK, "quotes of "+user.ID)
	}))
	r.GET("/admin", authgin.RequireRole("admin"), func(c *gin.Context) { c.String(http.StatusOK, "secrets") })

	token := issuer.Token(authtest.Subject("ada"))
	get(r, "/health", "")
	get(r, "/quotes/7", "")
	get(r, "/quotes/mine", "")
	get(r, "/quotes/mine", token)
	get(r, "/admin", token)
	get(r, "/admin", issuer.Token(authtest.Role("admin")))

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

	r := gin.New()
	shop := r.Group("/shop", authgin.Guard(auth, middleware.Optional()))
	shop.GET("/cart", func(c *gin.Context) {
		user, ok := client.CurrentUser(c)
		if !ok {
			c.String(http.StatusOK, "an empty cart")
			return
		}
		c.String(http.StatusOK, "the cart of "+user.ID)
	})

	get(r, "/shop/cart", "")
	get(r, "/shop/cart", issuer.Token(authtest.Subject("ada")))
	get(r, "/shop/cart", issuer.Token(authtest.OtherKey()))

	// Output:
	// /shop/cart 200 an empty cart
	// /shop/cart 200 the cart of ada
	// /shop/cart 401 Bearer error="invalid_token", error_description="the token is not valid"
}
