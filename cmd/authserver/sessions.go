package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

type sessionsCommands struct {
	List   sessionsListCommand   `cmd:"" help:"List the live sessions of a user."`
	Revoke sessionsRevokeCommand `cmd:"" help:"End a session."`
}

// sessionLine is a session in JSON. Its fields are those of
// authserver.Session.
type sessionLine struct {
	ID             string    `json:"id"`
	UserID         string    `json:"userId"`
	CreatedAt      time.Time `json:"createdAt"`
	LastActivityAt time.Time `json:"lastActivityAt"`
	ExpiresAt      time.Time `json:"expiresAt"`
	RememberMe     bool      `json:"rememberMe"`
	IPAddress      string    `json:"ipAddress,omitzero"`
	UserAgent      string    `json:"userAgent,omitzero"`
	DeviceID       string    `json:"deviceId,omitzero"`
	DeviceName     string    `json:"deviceName,omitzero"`
}

type sessionsListCommand struct {
	userArgument
	Limit int `default:"1000" help:"At most so many, those with the latest activity (default ${default})." placeholder:"N"`
}

// Validate refuses a limit that lists nothing.
func (c *sessionsListCommand) Validate() error {
	if c.Limit < 1 {
		return errors.New("--limit is at least 1")
	}
	return nil
}

func (c *sessionsListCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		sessions, err := admin.Sessions(p.ctx, c.User, c.Limit)
		if err != nil {
			return err
		}
		if len(sessions) == c.Limit {
			fmt.Fprintf(p.errs, "those %d with the latest activity; a greater --limit shows more, if there are\n", c.Limit)
		}
		l := newListing(p.out, p.json, "ID", "CREATED (UTC)", "LAST ACTIVITY", "EXPIRES", "IP ADDRESS", "DEVICE", "USER AGENT")
		for _, s := range sessions {
			if err := l.add(sessionLine(s), s.ID, instant(s.CreatedAt), instant(s.LastActivityAt), instant(s.ExpiresAt),
				s.IPAddress, s.DeviceName, s.UserAgent); err != nil {
				return err
			}
		}
		return l.end()
	})
}

// endedLine says in JSON what has ended.
type endedLine struct {
	Session    string `json:"session,omitzero"`
	ServiceKey string `json:"serviceKey,omitzero"`
	Sessions   int    `json:"sessions,omitzero"`
}

type sessionsRevokeCommand struct {
	ID  string `arg:"" optional:"" help:"The session's id, the sid of its access tokens."`
	All bool   `help:"End the sessions of all users, as after a restore."`
}

// Validate refuses a command that names no session, or one beside all.
func (c *sessionsRevokeCommand) Validate() error {
	if c.All == (c.ID != "") {
		return errors.New("name either the id of a session or --all")
	}
	return nil
}

func (c *sessionsRevokeCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		if c.All {
			ended, err := admin.RevokeAllSessions(p.ctx, func(users, ended int) {
				fmt.Fprintf(p.errs, "%d users, %d sessions ended\n", users, ended)
			})
			if err != nil {
				return err
			}
			return p.done("ended", endedLine{Sessions: ended})
		}
		if err := admin.RevokeSession(p.ctx, c.ID); err != nil {
			return err
		}
		return p.done("ended", endedLine{Session: c.ID})
	})
}
