package main

import (
	"github.com/manacore/manacore-go/authserver"
)

type keysCommands struct {
	List   keysListCommand   `cmd:"" help:"List the signing keys, in the order in which they sign."`
	Rotate keysRotateCommand `cmd:"" help:"Make the next signing key ahead of its time. It signs when every verifier has it; no token goes bad."`
	Retire keysRetireCommand `cmd:"" help:"Take a signing key out of use at once, in an emergency. Its tokens go bad; users refresh theirs."`
}

type keysListCommand struct {
}

func (c *keysListCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		keys, err := admin.Keys(p.ctx)
		if err != nil {
			return err
		}
		l := newListing(p.out, p.json, "KID", "STATE", "CREATED (UTC)", "SIGNS FROM", "SIGNS UNTIL", "PUBLISHED UNTIL")
		for _, k := range keys {
			if err := l.add(k, k.ID, k.State, instant(k.CreatedAt), instant(k.SignsFrom), instant(k.SignsUntil), instant(k.PublishedUntil)); err != nil {
				return err
			}
		}
		return l.end()
	})
}

type keysRotateCommand struct{}

func (c *keysRotateCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		if err := admin.RotateKey(p.ctx); err != nil {
			return err
		}
		return p.done(`published; "authserver keys list" shows from when it signs`, struct {
			State string `json:"state"`
		}{"published"})
	})
}

type keysRetireCommand struct {
	KID string `arg:"" name:"kid" help:"The key's id."`
}

func (c *keysRetireCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		if err := admin.RetireKey(p.ctx, c.KID); err != nil {
			return err
		}
		return p.done("retired", struct {
			KID   string `json:"kid"`
			State string `json:"state"`
		}{c.KID, "retired"})
	})
}
