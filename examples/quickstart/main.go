// Command quickstart shows the whole way once: it starts an auth server and a
// guarded backend in one process, plays a user's story against both over HTTP,
// and prints each request, as the curl that would send it, with its answer.
//
//	go run ./examples/quickstart          # exit status 0: every answer was the expected one
//	go run ./examples/quickstart -serve   # keeps both running, to try things by hand
//
// backend.go is the part to copy: a backend, guarded by one line. story.go is
// the story.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

const usage = `Quickstart starts an auth server, with a temporary SQLite file, and a guarded
backend on free ports of this machine. It plays the story of one user against
both over HTTP and prints every request with its answer.

The exit status is 0 only if every answer was the expected one.

Usage: go run ./examples/quickstart [flags]

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	signal.Ignore(syscall.SIGPIPE) // a reader that left must not keep the files from being removed
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command without the process around it. It returns the exit
// status: 0, 1 when something failed, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	serve := flags.Bool("serve", false, "after the story keep both servers running until Ctrl-C")
	verbose := flags.Bool("v", false, "show the servers' logs on standard error")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "quickstart: takes no arguments, got %q; -h explains\n", flags.Args())
		return 2
	}
	log := slog.New(slog.DiscardHandler)
	if *verbose {
		log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	if err := play(ctx, *serve, log, stdout); err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
		return 1
	}
	return 0
}

// play runs the servers for as long as the story and, if asked, the visitor
// needs them.
func play(ctx context.Context, serve bool, log *slog.Logger, out io.Writer) (err error) {
	servers, err := start(ctx, log, newBackend)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.close()) }()
	fmt.Fprintf(out, intro, servers.authURL, servers.backendURL)
	if err := tell(ctx, servers.authURL, servers.backendURL, out); err != nil {
		return err
	}
	if !serve {
		fmt.Fprintln(out, "To try things by hand: go run ./examples/quickstart -serve")
		return nil
	}
	fmt.Fprintf(out, invitation, servers.authURL, servers.backendURL)
	<-ctx.Done()
	return nil
}

const intro = `Mana Core quickstart: an auth server, and a backend that one line guards.

    AUTH=%s       the auth server, with a temporary SQLite file
    BACKEND=%s    verifies tokens by itself, and is told of logouts

Tokens are shortened below; $NAMES stand for what an earlier answer gave.
`

const invitation = `
Both keep running. To try them, paste into another terminal:

    AUTH=%s
    BACKEND=%s

    # a public route, and a guarded one without a token: 200, 401
    curl -i $BACKEND/health
    curl -i $BACKEND/api/v1/me

    # log in as the user of the story, and keep both tokens
    ANSWER=$(curl -s $AUTH/api/v1/auth/login -H 'Content-Type: application/json' \
      -d '{"email":"` + email + `","password":"` + password + `"}')
    ACCESS=$(echo "$ANSWER" | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')
    REFRESH=$(echo "$ANSWER" | sed 's/.*"refreshToken":"\([^"]*\)".*/\1/')

    # the guarded route with the token: 200
    curl -i $BACKEND/api/v1/me -H "Authorization: Bearer $ACCESS"

    # what the auth server says of the token, and the keys that verify it
    curl -i $AUTH/api/v1/auth/validate -H 'Content-Type: application/json' \
      -d '{"token":"'$ACCESS'"}'
    curl -i $AUTH/api/v1/auth/jwks

    # log out; within a second the token is refused: 401
    curl -i $AUTH/api/v1/auth/logout -H 'Content-Type: application/json' \
      -d '{"refreshToken":"'$REFRESH'"}'
    curl -i $BACKEND/api/v1/me -H "Authorization: Bearer $ACCESS"

Ctrl-C ends both.
`
