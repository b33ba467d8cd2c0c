// Command picture is a guarded backend with Gin. The environment configures
// it: PORT (default 3006; 0 takes a free one), the variables of
// client.FromEnv, and on a developer's machine those of package devbypass.
//
// GET /health is public, GET /api/v1/me needs a user, GET /api/v1/pictures
// shows a user more than a stranger, and GET /api/v1/admin/stats is for
// admins.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/gin-gonic/gin"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/examples/internal/serve"
	"github.com/manacore/manacore-go/middleware"
	authgin "github.com/manacore/manacore-go/middleware/gin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx); err != nil {
		slog.Error("picture failed", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	verifier, err := client.FromEnv()
	if err != nil {
		return err
	}
	defer verifier.Close()
	auth, err := devbypass.FromEnv(verifier)
	if err != nil {
		return err
	}
	return serve.Until(ctx, cmp.Or(os.Getenv("PORT"), "3006"), newHandler(auth))
}

// newHandler guards every route but the public ones. The guard comes before
// the routes: Gin gives a route what was in use when it was registered.
func newHandler(auth client.Verifier) http.Handler {
	r := gin.New()
	r.Use(gin.Recovery())
	r.Use(authgin.Guard(auth, middleware.Public("GET /health", "GET /api/v1/pictures")))

	r.GET("/health", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	// Public above, and optional here: without credentials nobody is asked for,
	// but credentials that are sent have to be good.
	r.GET("/api/v1/pictures", authgin.Guard(auth, middleware.Optional()), pictures)
	r.GET("/api/v1/me", authgin.UserFunc(func(c *gin.Context, user client.User) { c.JSON(http.StatusOK, user) }))

	admin := r.Group("/api/v1/admin", authgin.RequireRole("admin"))
	admin.GET("/stats", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"pictures": 3}) })
	return r
}

func pictures(c *gin.Context) {
	shown := []string{"dawn", "dusk"}
	if user, ok := client.CurrentUser(c); ok {
		shown = append(shown, "a draft of "+user.Email)
	}
	c.JSON(http.StatusOK, gin.H{"pictures": shown})
}
