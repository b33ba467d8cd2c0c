package main

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/manacore/manacore-go/authserver"
)

// eventLine is an event in JSON. Its fields are those of
// authserver.SecurityEvent.
type eventLine struct {
	Type      string         `json:"type"`
	IPAddress string         `json:"ipAddress,omitzero"`
	UserAgent string         `json:"userAgent,omitzero"`
	Metadata  jsontext.Value `json:"metadata,omitzero"`
	CreatedAt time.Time      `json:"createdAt"`
}

type usersShowCommand struct{ userArgument }

// shownSessions is up to how many sessions users show counts.
const shownSessions = 1000

func (c *usersShowCommand) Run(p *program) error {
	return p.administer(func(admin *authserver.Admin) error {
		user, err := admin.User(p.ctx, c.User)
		if err != nil {
			return err
		}
		sessions, err := admin.Sessions(p.ctx, user.ID, shownSessions)
		if err != nil {
			return err
		}
		events, err := admin.SecurityEvents(p.ctx, user.ID)
		if err != nil {
			return err
		}
		return p.showUser(user, sessions, events)
	})
}

// showUser prints a user: one value in JSON, else a field a line, and then the
// events.
func (p *program) showUser(user authserver.User, sessions []authserver.Session, events []authserver.SecurityEvent) error {
	line := struct {
		userLine       `json:",inline"`
		State          string      `json:"state"`
		Sessions       int         `json:"sessions"` // at most shownSessions
		LastActivityAt time.Time   `json:"lastActivityAt,omitzero"`
		Events         []eventLine `json:"events"`
	}{userLine: userLine(user), State: user.State(), Sessions: len(sessions)}
	count := strconv.Itoa(len(sessions))
	if len(sessions) > 0 {
		line.LastActivityAt = sessions[0].LastActivityAt
		count += ", last activity " + instant(line.LastActivityAt)
	}
	if len(sessions) == shownSessions {
		count = "at least " + count
	}
	for _, e := range events {
		event := eventLine{Type: e.Type, IPAddress: e.IPAddress, UserAgent: e.UserAgent, CreatedAt: e.CreatedAt}
		if e.Metadata != "" {
			event.Metadata = jsontext.Value(e.Metadata)
		}
		line.Events = append(line.Events, event)
	}
	if p.json {
		return p.done("", line)
	}
	fields := newListing(p.out, false)
	for _, field := range [][]string{
		{"ID", user.ID}, {"E-MAIL", user.Email}, {"NAME", user.Name}, {"ROLE", user.Role}, {"STATE", user.State()},
		{"CREATED (UTC)", instant(user.CreatedAt)}, {"CHANGED", instant(user.UpdatedAt)}, {"DISABLED", instant(user.DisabledAt)},
		{"DELETED", instant(user.DeletedAt)}, {"LIVE SESSIONS", count}, {},
	} {
		if err := fields.add(nil, field...); err != nil {
			return err
		}
	}
	if err := fields.end(); err != nil {
		return err
	}
	l := newListing(p.out, false, "EVENT", "AT (UTC)", "IP ADDRESS", "DETAILS", "USER AGENT")
	for _, e := range events {
		if err := l.add(nil, e.Type, instant(e.CreatedAt), e.IPAddress, e.Metadata, e.UserAgent); err != nil {
			return err
		}
	}
	return l.end()
}
