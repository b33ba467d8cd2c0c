//go:build !nodevbypass

package devbypass_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// strict stands in for client.FromEnv and an auth server that knows nobody.
type strict struct{}

func (strict) Verify(_ context.Context, token string) (client.User, error) {
	if token == "" {
		return client.User{}, client.ErrNoToken
	}
	return client.User{}, client.ErrSignature
}

func Example() {
	auth, err := devbypass.New(strict{}, devbypass.Config{ // or devbypass.FromEnv(strict{})
		NodeEnv:       "development",
		DevBypassAuth: "true",
		Role:          "admin",
		Logger:        slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := nethttp.Guard(auth)(nethttp.UserFunc(func(_ http.ResponseWriter, _ *http.Request, user client.User) {
		fmt.Println("called by", user.Email, user.Role)
	}))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code, w.Header().Get("X-Auth-Bypass"), devbypass.Count(auth))

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer forged")
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)

	// Output:
	// called by dev@example.com admin
	// 200 dev 1
	// 401
}

func ExampleNew_production() {
	_, err := devbypass.New(strict{}, devbypass.Config{NodeEnv: "production", DevBypassAuth: "true"})
	fmt.Println(err)

	// Output:
	// devbypass: DEV_BYPASS_AUTH is "true", but NODE_ENV is not "development": unset one or set the other (NODE_ENV is "production")
}
