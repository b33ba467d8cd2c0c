package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

type serviceKeysCommands struct {
	Create serviceKeysCreateCommand `cmd:"" help:"Make a key for the services of an app, beside those that it has."`
	List   serviceKeysListCommand   `cmd:"" help:"List all keys, the revoked and the expired among them."`
	Revoke serviceKeysRevokeCommand `cmd:"" help:"End a key: running servers refuse it within a second."`
}

// serviceKeyLine is a key in JSON. Its fields are those of
// authserver.ServiceKey.
type serviceKeyLine struct {
	ID         string    `json:"id"`
	AppID      string    `json:"appId"`
	Operations []string  `json:"operations"`
	CreatedAt  time.Time `json:"createdAt"`
	ExpiresAt  time.Time `json:"expiresAt,omitzero"`
	RevokedAt  time.Time `json:"revokedAt,omitzero"`
}

type serviceKeysCreateCommand struct {
	App        string   `arg:"" help:"The app's id: the X-App-Id that goes with the key."`
	Operations []string `help:"What the key allows, comma-separated. Without it: everything but grant, which makes credits. One of: balance, init, use, refund, reserve, commit, refund-reservation, transactions, usage, grant." placeholder:"NAME,..."`
	Expires    string   `help:"When it expires, such as 90d or 12h. Without it: never." placeholder:"DURATION"`
}

func (c *serviceKeysCreateCommand) Run(p *program) error {
	n := authserver.NewServiceKey{AppID: c.App, Operations: c.Operations}
	if c.Expires != "" {
		var err error
		if n.Lifetime, err = duration(c.Expires); err != nil {
			return err
		}
	}
	return p.administer(func(admin *authserver.Admin) error {
		key, secret, err := admin.CreateServiceKey(p.ctx, n)
		if err != nil {
			return err
		}
		if p.json {
			return p.done("", struct {
				serviceKeyLine `json:",inline"`
				Key            string `json:"key"`
			}{serviceKeyLine(key), secret})
		}
		// The key alone on standard output, for a script to take.
		fmt.Fprintf(p.errs, "made %s for %s; this is the only time that the key is shown:\n", key.ID, key.AppID)
		fmt.Fprintln(p.out, secret)
		return nil
	})
}

type serviceKeysListCommand struct {
	App string `help:"Only those of this app." placeholder:"ID"`
	limitFlag
}

func (c *serviceKeysListCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		keys, err := admin.ServiceKeys(p.ctx)
		if err != nil {
			return err
		}
		l := newListing(p.out, p.json, "ID", "APP", "CREATED (UTC)", "EXPIRES", "REVOKED", "OPERATIONS")
		left := c.count()
		for _, k := range keys {
			if c.App != "" && k.AppID != c.App {
				continue
			}
			if left--; left < 0 {
				break
			}
			if err := l.add(serviceKeyLine(k), k.ID, k.AppID, instant(k.CreatedAt), instant(k.ExpiresAt), instant(k.RevokedAt),
				strings.Join(k.Operations, ",")); err != nil {
				return err
			}
		}
		return l.end()
	})
}

type serviceKeysRevokeCommand struct {
	ID string `arg:"" help:"The key's id, as list shows it."`
}

func (c *serviceKeysRevokeCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		if err := admin.RevokeServiceKey(p.ctx, c.ID); err != nil {
			return err
		}
		return p.done("revoked", endedLine{ServiceKey: c.ID})
	})
}
