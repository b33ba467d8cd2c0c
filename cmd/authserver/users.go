package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

type usersCommands struct {
	List           usersListCommand           `cmd:"" help:"List users, the deleted among them."`
	Show           usersShowCommand           `cmd:"" help:"Show a user, how many sessions the user has, and the latest events of the security log."`
	Create         usersCreateCommand         `cmd:"" help:"Make an account."`
	SetRole        usersSetRoleCommand        `cmd:"" help:"Give a user a role. If it is another one, the user's sessions end."`
	SetTier        usersSetTierCommand        `cmd:"" help:"Give a user a tier. The user's sessions go on."`
	Disable        usersDisableCommand        `cmd:"" help:"Shut a user out: no login, and the sessions end."`
	Enable         usersEnableCommand         `cmd:"" help:"Let a user in again who was disabled."`
	Delete         usersDeleteCommand         `cmd:"" help:"Delete a user for good; the address is free for another account."`
	RevokeSessions usersRevokeSessionsCommand `cmd:"" help:"End all sessions of a user, who may log in again."`
}

// userLine is a user in JSON. Its fields are those of authserver.User.
type userLine struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	Name          string    `json:"name"`
	Role          string    `json:"role"`
	Tier          string    `json:"tier"`
	EmailVerified bool      `json:"emailVerified"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	DeletedAt     time.Time `json:"deletedAt,omitzero"`
	DisabledAt    time.Time `json:"disabledAt,omitzero"`
}

func addUser(l *listing, u authserver.User) error {
	return l.add(userLine(u), u.ID, u.Email, u.Role, u.Tier, u.State(), instant(u.CreatedAt), u.Name)
}

type usersListCommand struct {
	Email string `help:"Only those with this in their e-mail address." placeholder:"PART"`
	Role  string `help:"Only those with this role: user, admin or service."`
	State string `help:"Only those in this state: active, disabled or deleted."`
	limitFlag
}

func (c *usersListCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		l := newListing(p.out, p.json, "ID", "E-MAIL", "ROLE", "TIER", "STATE", "CREATED (UTC)", "NAME")
		left := c.count()
		for u, err := range admin.Users(p.ctx, authserver.UserFilter{Email: c.Email, Role: c.Role, State: c.State}, p.progress()) {
			if err != nil {
				return errors.Join(l.end(), err)
			}
			if err := addUser(l, u); err != nil {
				return err
			}
			if left--; left == 0 {
				break
			}
		}
		return l.end()
	})
}

type usersCreateCommand struct {
	Email         string `arg:"" help:"E-mail address."`
	Name          string `required:"" help:"The user's name."`
	Role          string `default:"user" help:"user, admin or service (default ${default})."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input. Without it one is made, and printed once."`
}

func (c *usersCreateCommand) Run(p *program) error {
	made := ""
	password := rand.Text() // 130 bits
	if c.PasswordStdin {
		var err error
		if password, err = firstLine(p.in); err != nil {
			return err
		}
	} else {
		made = password
	}
	return p.administer(func(admin *authserver.Admin) error {
		user, err := admin.CreateUser(p.ctx, authserver.NewUser{Email: c.Email, Name: c.Name, Password: password, Role: c.Role})
		if err != nil {
			return err
		}
		line := struct {
			userLine `json:",inline"`
			Password string `json:"password,omitzero"`
		}{userLine(user), made}
		cells := []string{user.ID, user.Email, user.Role}
		if made != "" {
			cells = append(cells, "password: "+made)
		}
		l := newListing(p.out, p.json)
		if err := l.add(line, cells...); err != nil {
			return err
		}
		return l.end()
	})
}

// firstLine reads a password, which is the first line of what a program wrote.
func firstLine(in io.Reader) (string, error) {
	const most = 4096
	line, err := bufio.NewReader(io.LimitReader(in, most)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" || len(line) >= most-2 {
		return "", errors.New("--password-stdin: standard input has no password in its first line, or it is too long; pipe one in")
	}
	return line, nil
}

// userArgument is how commands name a user.
type userArgument struct {
	User string `arg:"" help:"Id or e-mail address."`
}

// change changes the user and prints what became of it.
func (a userArgument) change(p *program, f func(*authserver.Admin) (authserver.User, error)) error {
	return p.administer(func(admin *authserver.Admin) error {
		user, err := f(admin)
		if err != nil {
			return err
		}
		l := newListing(p.out, p.json)
		if err := addUser(l, user); err != nil {
			return err
		}
		return l.end()
	})
}

type usersSetRoleCommand struct {
	userArgument
	Role string `arg:"" help:"user, admin or service."`
}

func (c *usersSetRoleCommand) Run(p *program) error {
	return c.change(p, func(admin *authserver.Admin) (authserver.User, error) { return admin.SetRole(p.ctx, c.User, c.Role) })
}

type usersSetTierCommand struct {
	userArgument
	Tier string `arg:"" help:"guest, public, beta, alpha or founder."`
}

func (c *usersSetTierCommand) Run(p *program) error {
	return c.change(p, func(admin *authserver.Admin) (authserver.User, error) { return admin.SetTier(p.ctx, c.User, c.Tier) })
}

type usersDisableCommand struct{ userArgument }

func (c *usersDisableCommand) Run(p *program) error {
	return c.change(p, func(admin *authserver.Admin) (authserver.User, error) { return admin.Disable(p.ctx, c.User) })
}

type usersEnableCommand struct{ userArgument }

func (c *usersEnableCommand) Run(p *program) error {
	return c.change(p, func(admin *authserver.Admin) (authserver.User, error) { return admin.Enable(p.ctx, c.User) })
}

type usersDeleteCommand struct{ userArgument }

func (c *usersDeleteCommand) Run(p *program) error {
	return c.change(p, func(admin *authserver.Admin) (authserver.User, error) { return admin.Delete(p.ctx, c.User) })
}

type usersRevokeSessionsCommand struct{ userArgument }

func (c *usersRevokeSessionsCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		ended, err := admin.RevokeSessions(p.ctx, c.User)
		if err != nil {
			return err
		}
		return p.done(fmt.Sprintf("%d sessions ended", ended), struct {
			Ended int `json:"sessionsEnded"`
		}{ended})
	})
}
