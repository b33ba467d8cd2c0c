package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/manacore/manacore-go/authserver"
)

type keysCommands struct {
	List   keysListCommand   `cmd:"" help:"List the signing keys, in the order in which they sign."`
	Rotate keysRotateCommand `cmd:"" help:"Make the next signing key ahead of its time. It signs when every verifier has it; existing tokens stay valid."`
	Retire keysRetireCommand `cmd:"" help:"Take a signing key out of use at once, in an emergency. Its tokens are refused; clients refresh theirs."`

	Export     keysExportCommand     `cmd:"" help:"Print the published keys as a JWK set; with --private, write all keys to a file, sealed with the key-encryption key."`
	Import     keysImportCommand     `cmd:"" help:"Store the private keys of a JWK set, sealed as export does it or plain. Where a key signs already, the last one of the set signs next, unless it is older; the others are published for as long as a token lives, so that tokens under way stay good. Import again to begin that time anew."`
	Reseal     keysResealCommand     `cmd:"" help:"Seal all keys with another key-encryption key, which takes the place of the former one."`
	Thumbprint keysThumbprintCommand `cmd:"" help:"Print the SHA-256 thumbprint of each key (RFC 7638)."`
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

type keysExportCommand struct {
	Private string `help:"The file to make, with mode 0600." placeholder:"FILE"`
}

func (c *keysExportCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		if c.Private == "" {
			document, err := admin.ExportKeys(p.ctx)
			if err == nil {
				_, err = fmt.Fprintf(p.out, "%s\n", document)
			}
			return err
		}
		count, err := admin.ExportPrivateKeys(p.ctx, c.Private)
		if err != nil {
			return err
		}
		return p.done(fmt.Sprintf("%d keys in %s; they are of no use without the key-encryption key: keep that somewhere else", count, c.Private), struct {
			File string `json:"file"`
			Keys int    `json:"keys"`
		}{c.Private, count})
	})
}

type keysImportCommand struct {
	File string `arg:"" help:"The file with the JWK set."`
}

// maxKeyFile is the largest file of keys, in bytes.
const maxKeyFile = 1 << 20

func (c *keysImportCommand) Run(p *program) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	document, err := readSecretFile(c.File, maxKeyFile)
	if err != nil {
		return err
	}
	return p.administer(func(admin *authserver.Admin) error {
		kids, err := admin.ImportKeys(p.ctx, document, s.importKEK)
		if err != nil {
			return err
		}
		return p.done(fmt.Sprintf(`%d keys stored; "authserver keys list" shows from when they sign and until when they are published`, len(kids)), struct {
			Kids []string `json:"kids"`
		}{kids})
	})
}

// readSecretFile reads a file that nobody but its owner may read.
func readSecretFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has more than %d bytes", path, most)
	case mode.Perm()&0o077 != 0 && runtime.GOOS != "windows":
		return nil, fmt.Errorf("%s may be read by others than its owner (mode %04o): chmod 600 %s", path, mode.Perm(), path)
	}
	return os.ReadFile(path)
}

type keysResealCommand struct{}

func (c *keysResealCommand) Run(p *program) error {
	s, err := p.settings()
	if err != nil {
		return err
	}
	if len(s.newKEK) == 0 {
		return errors.New("NEW_KEY_ENCRYPTION_KEY is not set; make one with: openssl rand -base64 32")
	}
	return p.administer(func(admin *authserver.Admin) error {
		count, err := admin.ResealKeys(p.ctx, s.newKEK)
		if err != nil {
			return err
		}
		return p.done(fmt.Sprintf("%d keys resealed; start every server and command with KEY_ENCRYPTION_KEY set to the new key from now on", count), struct {
			Keys int `json:"keys"`
		}{count})
	})
}

type keysThumbprintCommand struct{}

func (c *keysThumbprintCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		list, err := admin.KeyThumbprints(p.ctx)
		if err != nil {
			return err
		}
		l := newListing(p.out, p.json, "KID", "SHA-256 THUMBPRINT")
		for _, k := range list {
			if err := l.add(k, k.ID, k.Thumbprint); err != nil {
				return err
			}
		}
		return l.end()
	})
}
