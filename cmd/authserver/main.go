// Command authserver serves the auth server, configured by the environment.
// Without any configuration it listens on port 3001 and keeps its data in
// ./manacore.db. Run it with -h for the variables.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(help(os.Args[1:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	settings, err := fromEnv(os.Getenv)
	if err == nil {
		err = serve(ctx, settings, log)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "authserver: %v\n", err)
		os.Exit(1)
	}
}
