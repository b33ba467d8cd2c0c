package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

func Example() {
	issuer := authtest.Start() // stands in for the auth server
	defer issuer.Close()

	auth, err := client.New(client.Config{
		Issuers: []client.Issuer{{URL: issuer.URL()}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auth.Close()

	user, err := auth.Verify(context.Background(), issuer.Token(authtest.Email("ada@example.com")))
	fmt.Println(user.Email, user.Role, err)

	_, err = auth.Verify(context.Background(), issuer.Token(authtest.Expired()))
	fmt.Println(errors.Is(err, client.ErrUnauthenticated), err)
	// Output:
	// ada@example.com user <nil>
	// true unauthenticated: token expired
}

// A handler's test needs no guard: it puts the user into the context itself.
func ExampleWithUser() {
	handler := func(_ http.ResponseWriter, r *http.Request) {
		user, ok := client.CurrentUser(r.Context())
		fmt.Println(user.ID, ok)
	}
	r, _ := http.NewRequest("GET", "/me", nil)
	handler(nil, r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
	// Output: ada true
}
