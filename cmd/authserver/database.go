package main

import (
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/authserver"
)

type migrateCommand struct {
	DryRun bool `help:"Print what would run, and change nothing."`
}

// migrationLine is a migration in JSON.
type migrationLine struct {
	Migration string `json:"migration"`
	Run       bool   `json:"run"` // false: it is to run
}

// Run prints the names of the migrations, one a line.
func (c *migrateCommand) Run(p *program) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	act := authserver.Migrate
	if c.DryRun {
		act = authserver.PendingMigrations
	}
	names, err := act(p.ctx, s.server)
	if err != nil {
		return err
	}
	l := newListing(p.out, p.json)
	for _, name := range names {
		if err := l.add(migrationLine{Migration: name, Run: !c.DryRun}, name); err != nil {
			return err
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	switch {
	case len(names) == 0:
		fmt.Fprintln(p.errs, "the schema is up to date")
	case c.DryRun:
		fmt.Fprintf(p.errs, "%d migrations to run, nothing was changed\n", len(names))
	default:
		fmt.Fprintf(p.errs, "%d migrations run\n", len(names))
	}
	return nil
}

type checkCommand struct {
}

// finding is a line of check --json.
type finding struct {
	Part   string `json:"part"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// errNotGood is the error of check, whose findings were printed.
var errNotGood = errors.New("check failed: see its findings")

func (c *checkCommand) Run(p *program) error {
	findings := func(yield func(authserver.Finding) bool) {
		if s, err := p.settings(); err != nil {
			yield(authserver.Finding{Part: "configuration", Err: err})
		} else {
			authserver.Check(p.ctx, s.server, p.progress())(yield)
		}
	}
	l := newListing(p.out, p.json)
	good := true
	for f := range findings {
		line := finding{Part: f.Part, OK: f.Err == nil, Detail: f.Detail}
		verdict := "ok"
		if f.Err != nil {
			good, verdict, line.Detail = false, "failed", explain(f.Err)
		}
		if err := errors.Join(l.add(line, line.Part, verdict, line.Detail), l.flush()); err != nil {
			return err
		}
	}
	if !good {
		return errNotGood
	}
	return nil
}

type backupCommand struct {
	File string `arg:"" help:"The file to make."`
}

func (c *backupCommand) Run(p *program) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	if err := authserver.Backup(p.ctx, s.server, c.File, p.progress()); err != nil {
		return err
	}
	fmt.Fprintf(p.errs, "copied to %s; the signing keys in it are of no use without the key-encryption key, "+
		"KEY_ENCRYPTION_KEY or the file beside the database with .key at its end: back that up too, somewhere else\n", c.File)
	if !p.json {
		return nil
	}
	return p.done("", struct {
		File string `json:"file"`
	}{c.File})
}

// openAdmin opens the database for a command that works on what is in it. It makes
// no database, and it does not migrate an older one only to read it.
func (p *program) openAdmin() (*authserver.Admin, error) {
	s, err := p.settings()
	if err != nil {
		return nil, err
	}
	pending, err := authserver.PendingMigrations(p.ctx, s.server)
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		return nil, errors.New(`the database is not there, or its schema is older than this program: see "authserver check", and run "authserver migrate" if it is the right one`)
	}
	return authserver.OpenAdmin(p.ctx, s.server)
}

// administer runs f on the open database.
func (p *program) administer(f func(*authserver.Admin) error) (err error) {
	admin, err := p.openAdmin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	return f(admin)
}
