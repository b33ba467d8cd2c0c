// Command zitare is a backend on Path A: net/http, guarded by one line,
// configured by the environment.
//
//	PORT                the port to listen on, default 3007; 0 takes a free one
//	MANA_CORE_AUTH_URL  the auth server, default http://localhost:3001
//	MANA_AUTH_MODE      local (default) or remote
//	MANA_AUTH_FALLBACK  local: remote mode verifies locally during an outage
//	JWT_ISSUER          accepted issuers, default manacore
//	JWT_AUDIENCE        accepted audiences, default manacore
//
// GET /health is public. GET /api/v1/me tells the caller who they are, and
// /api/v1/favorites keeps their favorite quotes, in memory: it is an example.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/manacore/manacore-go/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx); err != nil {
		slog.Error("zitare failed", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	auth, err := client.FromEnv()
	if err != nil {
		return err
	}
	defer auth.Close()
	listener, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), "3007"))
	if err != nil {
		return err
	}
	slog.Info("zitare is listening", "address", listener.Addr().String())
	return serve(ctx, newServer(newHandler(auth)), listener)
}

// newServer bounds what one connection may cost. The header limit is the one
// of net/http: above 1 MiB it answers 431 by itself, before the guard.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
}

// serve stops accepting when ctx ends and gives the requests under way ten
// seconds to finish.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
