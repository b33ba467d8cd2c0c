// Command zitare is a backend on Path A: net/http, guarded by one line,
// configured by the environment.
//
//	PORT                   the port to listen on, default 3007; 0 takes a free one
//	MANA_AUTH_URL          the auth server, default http://localhost:3001
//	MANA_AUTH_MODE         local (default) or remote
//	MANA_AUTH_REVOCATIONS  how local mode learns of logouts: auto (default) from
//	                       the auth server's feed, within a second; required: no
//	                       token passes while the feed is silent, unless the auth
//	                       server vouches for it; off: when the token expires
//	MANA_AUTH_FALLBACK     local: remote mode verifies locally during an outage
//	JWT_ISSUER             accepted issuers, default manacore and MANA_AUTH_URL
//	JWT_AUDIENCE           accepted audiences, default manacore and mana
//
// On a developer's machine NODE_ENV=development and DEV_BYPASS_AUTH=true let
// requests without a token pass: see package devbypass.
//
// GET /health is public. GET /api/v1/me tells the caller who they are, and
// /api/v1/favorites keeps their favorite quotes, in memory: it is an example.
package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/examples/internal/serve"
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
	verifier, err := client.FromEnv()
	if err != nil {
		return err
	}
	defer verifier.Close()
	auth, err := devbypass.FromEnv(verifier)
	if err != nil {
		return err
	}
	return serve.Until(ctx, cmp.Or(os.Getenv("PORT"), "3007"), newHandler(auth))
}
