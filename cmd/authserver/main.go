// Command authserver runs the auth server and has its operator's commands:
// migrations, backups, a check of the configuration, users, sessions and keys.
// The environment configures it. Without any configuration and without
// arguments it listens on port 3001 and keeps its data in ./manacore.db. Run it
// with -h for the commands and the variables.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/manacore/manacore-go/authserver"
)

// The exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	JSON    bool             `name:"json" help:"Print one JSON value per line; with serve, log as JSON."`
	Version kong.VersionFlag `help:"Print the version and exit."`

	Serve   serveCommand   `cmd:"" default:"1" help:"Serve until SIGINT or SIGTERM. What is done without a command."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date, as serve does when it starts."`
	Check   checkCommand   `cmd:"" help:"Look at configuration, database, schema and keys, and change nothing."`
	Backup  backupCommand  `cmd:"" help:"Copy the SQLite database to a new file, also while servers run on it."`

	Keys     keysCommands     `cmd:"" help:"See, rotate and retire signing keys."`
	Users    usersCommands    `cmd:"" help:"See and change users."`
	Sessions sessionsCommands `cmd:"" help:"See and end sessions."`

	ServiceKeys serviceKeysCommands `cmd:"" help:"Make, see and end the keys by which services use credits."`
}

// program is what every command works with.
type program struct {
	ctx      context.Context
	settings func() (settings, error)
	in       io.Reader
	out      io.Writer
	errs     io.Writer
	json     bool
}

// log is the log of a server.
func (p *program) log() *slog.Logger {
	if p.json {
		return slog.New(slog.NewJSONHandler(p.errs, nil))
	}
	return slog.New(slog.NewTextHandler(p.errs, nil))
}

// done prints what a command has done: text, or value as a line of JSON.
func (p *program) done(text string, value any) error {
	l := newListing(p.out, p.json)
	if err := l.add(value, text); err != nil {
		return err
	}
	return l.end()
}

// version identifies the build: the release, the commit and the release of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	release, commit := info.Main.Version, ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			release += " (modified)"
		}
	}
	return "authserver " + cmp.Or(release, "(devel)") + commit + " " + info.GoVersion
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	p := &program{
		ctx:      ctx,
		settings: func() (settings, error) { return fromEnv(os.Getenv) },
		in:       os.Stdin, out: os.Stdout, errs: os.Stderr,
	}
	command, err := parse(p, os.Args[1:])
	if err != nil {
		fmt.Fprintf(p.errs, "authserver: %v; -h shows the commands\n", err)
		os.Exit(exitUsage)
	}
	if err := command.Run(p); err != nil {
		fmt.Fprintf(p.errs, "authserver: %s\n", explain(err))
		os.Exit(exitFailed)
	}
}

// parse reads the command line. With -h it prints the help and exits.
func parse(p *program, args []string) (*kong.Context, error) {
	var line commands
	parser, err := kong.New(&line,
		kong.Vars{"version": version()},
		kong.Name("authserver"),
		kong.Description("The Mana Core auth server."),
		kong.Writers(p.out, p.errs),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true}),
		kong.Help(func(options kong.HelpOptions, ctx *kong.Context) error {
			if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
				return err
			}
			for _, at := range ctx.Path {
				if at.Command != nil && at.Command.Name != "serve" {
					_, err := fmt.Fprint(ctx.Stdout, "\nThe environment configures it: authserver -h lists the variables.\n")
					return err
				}
			}
			return printVariables(ctx.Stdout)
		}),
	)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	p.json = line.JSON
	return parsed, err
}

// explain is the text of an error, with a hint at the command line that helps.
func explain(err error) string {
	text := strings.TrimPrefix(err.Error(), "authserver: ")
	switch {
	case errors.Is(err, authserver.ErrUserNotFound):
		return text + `; "authserver users list" shows them`
	case errors.Is(err, authserver.ErrSessionNotFound):
		return text + `; "authserver sessions list USER" shows a user's`
	case errors.Is(err, authserver.ErrUnknownKey):
		return text + `; "authserver keys list" shows them`
	case errors.Is(err, authserver.ErrKeyPending):
		return text + `; "authserver keys list" shows from when it signs`
	case errors.Is(err, authserver.ErrServiceKeyNotFound):
		return text + `; "authserver service-keys list" shows them`
	case errors.Is(err, authserver.ErrBackupElsewhere):
		return text + `, such as: pg_dump --format=custom --file=FILE --host=HOST --username=USER DATABASE, which asks for the password; keep KEY_ENCRYPTION_KEY somewhere else, the keys in the dump are of no use without`
	case errors.Is(err, fs.ErrExist):
		return text + "; name another file: existing files are never replaced"
	}
	return text
}
