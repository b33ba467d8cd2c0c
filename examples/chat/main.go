// Command chat is a backend on Path B, with Echo: its users are verified, and
// charged for what it writes. The environment configures it: PORT (default
// 3002; 0 takes a free one), the variables of client.FromEnv and of
// credits.FromEnv, and on a developer's machine those of package devbypass,
// where a ledger of the process stands in.
//
// GET /health is public, GET /api/v1/me needs a user, GET /api/v1/models
// offers a user more than a stranger, GET /api/v1/admin/stats is for admins,
// and POST /api/v1/completions streams a completion that costs a credit a
// word. README.md has the commands.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/devbypass/ledger"
	"github.com/manacore/manacore-go/examples/internal/serve"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/charge"
	chargeecho "github.com/manacore/manacore-go/middleware/charge/echo"
	authecho "github.com/manacore/manacore-go/middleware/echo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx); err != nil {
		slog.Error("chat failed", "error", err)
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
	// A ledger of this process where the bypass is on and there is no key.
	credits, err := ledger.FromEnv(ledger.New(100))
	if err != nil {
		return err
	}
	defer credits.Close()
	return serve.Until(ctx, cmp.Or(os.Getenv("PORT"), "3002"), newHandler(auth, credits))
}

// newHandler guards every route but the public ones.
func newHandler(auth client.Verifier, ledger charge.Ledger) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.Recover())
	e.Use(authecho.Guard(auth, middleware.Public("GET /health", "GET /api/v1/models")))

	e.GET("/health", func(c echo.Context) error { return c.JSON(http.StatusOK, echo.Map{"status": "ok"}) })
	// Public above, and optional here: without credentials nobody is asked for,
	// but credentials that are sent have to be good.
	e.GET("/api/v1/models", models, authecho.Guard(auth, middleware.Optional()))
	e.GET("/api/v1/me", authecho.UserFunc(func(c echo.Context, user client.User) error {
		return c.JSON(http.StatusOK, user)
	}))

	e.POST("/api/v1/completions", complete, withPrompt, chargeecho.ChargeFunc(ledger, "chat_completion", longest, charge.Config{}))

	admin := e.Group("/api/v1/admin", authecho.RequireRole("admin"))
	admin.GET("/stats", func(c echo.Context) error { return c.JSON(http.StatusOK, echo.Map{"models": 2}) })
	return e
}

func models(c echo.Context) error {
	offered := []string{"small"}
	if _, ok := client.CurrentUser(c.Request().Context()); ok {
		offered = append(offered, "large")
	}
	return c.JSON(http.StatusOK, echo.Map{"models": offered})
}
