package authserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/manacore/manacore-go/authserver"
)

// exampleConfig keeps its database in a directory that remove deletes.
func exampleConfig() (config authserver.Config, remove func()) {
	dir, err := os.MkdirTemp("", "authserver")
	if err != nil {
		panic(err)
	}
	return authserver.Config{
		Database: authserver.Database{SQLitePath: filepath.Join(dir, "auth.db")},
		Logger:   slog.New(slog.DiscardHandler),
	}, func() { os.RemoveAll(dir) }
}

// A server inside a program of one's own: its Handler goes where any other
// handler could.
func ExampleOpen() {
	config, remove := exampleConfig()
	defer remove()
	server, err := authserver.Open(context.Background(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	register := httptest.NewRequest(http.MethodPost, "/api/v1/auth/register",
		strings.NewReader(`{"email":"ada@example.com","name":"Ada","password":"a long enough password"}`))
	register.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, register)
	fmt.Println(answer.Code)
	// Output: 201
}

// An operator makes an account and gives it a role, without a server that runs.
func ExampleAdmin() {
	config, remove := exampleConfig()
	defer remove()
	ctx := context.Background()
	admin, err := authserver.OpenAdmin(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer admin.Close()

	_, err = admin.CreateUser(ctx, authserver.NewUser{
		Email: "ada@example.com", Name: "Ada", Password: "a long enough password", Role: "user",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := admin.SetRole(ctx, "ada@example.com", "admin")
	fmt.Println(user.Email, user.Role, err)
	// Output: ada@example.com admin <nil>
}
