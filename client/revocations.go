package client

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/feed"
	"github.com/manacore/manacore-go/client/internal/remote"
	"github.com/manacore/manacore-go/internal/wire"
)

// Revocations is how a Client in local mode uses the auth server's feed of the
// sessions that ended.
type Revocations string

const (
	// RevocationsAuto uses the feed where the auth server announces it. While the
	// feed is fresh, a session that ended is ErrRejected within a second. While it
	// is silent, verification goes on without it.
	RevocationsAuto Revocations = "auto"
	// RevocationsOff does without it: a session that ended is seen when its token
	// expires.
	RevocationsOff Revocations = "off"
	// RevocationsRequired accepts no token without it: while the feed is silent the
	// auth server is asked about each token, and without its word the error is
	// ErrUnavailable.
	RevocationsRequired Revocations = "required"
)

// errEnded is the error of a token whose session the feed names.
var errEnded = fault.New(fault.ErrRejected, "the session has ended")

// revocations is an issuer's feed at work.
type revocations struct {
	feed *feed.Feed
	// asked gives the verdict while the feed is silent. nil: verification goes on
	// without.
	asked  *remote.Validator
	unseen atomic.Uint64 // verdicts that were given while the feed was silent
}

// newRevocations is nil where the configuration does without a feed.
func (c *Client) newRevocations(it *issuer) *revocations {
	if c.config.Mode != ModeLocal || c.config.Revocations == RevocationsOff {
		return nil
	}
	endless := *c.http
	endless.Timeout = 0 // that of a whole call, and a stream has no end
	r := &revocations{feed: feed.New(feed.Config{
		URL:         it.URL + wire.RevocationsPath,
		HTTP:        &endless,
		AppID:       c.config.AppID,
		ServiceKey:  c.config.ServiceKey,
		Latest:      c.config.Tokens.MaxLifetime + c.config.Tokens.Leeway,
		Clock:       c.config.Clock,
		Log:         c.config.Logger,
		KeysChanged: func() { it.keys.Changed() },
	})}
	if c.config.Revocations == RevocationsRequired {
		r.asked = c.newValidator(it)
	}
	return r
}

// prime begins to follow the feed where it need not be announced first.
func (r *revocations) prime() {
	if r != nil && r.asked != nil {
		r.feed.Start()
	}
}

// fresh tells whether every session that ended is known.
func (r *revocations) fresh(now time.Time) bool {
	return r.feed.Started() && r.feed.Fresh(now)
}

func (r *revocations) close() {
	if r == nil {
		return
	}
	r.feed.Close()
	if r.asked != nil {
		r.asked.Close()
	}
}

// standing is what a feed says about the session of a verified token.
type standing int

const (
	stands standing = iota
	ended
	unknown
)

// standing judges a verdict that was reached with a key of the issuer. It is
// called for each request, also for those of remembered tokens.
func (v *verdict) standing(now time.Time) standing {
	r := v.revocations
	switch {
	case r == nil || !r.feed.Started():
		return stands
	case r.feed.Ended(v.session, now):
		return ended
	case v.user.SessionID != "" && r.feed.Fresh(now):
		return stands
	case r.asked != nil:
		return unknown
	}
	r.unseen.Add(1)
	return stands
}

// again gives a remembered verdict once more, if its session still stands.
func (c *Client) again(ctx context.Context, text string, v *verdict, now time.Time) (User, error) {
	switch v.standing(now) {
	case stands:
		return v.user, nil
	case ended:
		c.verified.Drop(text)
		c.count(ctx, errEnded)
		return User{}, errEnded
	}
	c.undone.Add(1)
	user, err := c.decide(ctx, text)
	return c.counted(ctx, user, err)
}

func (r *revocations) stats() RevocationStats {
	of := r.feed.Stats()
	s := RevocationStats{Ended: of.Ended, Unseen: r.unseen.Load(), Connections: of.Connects, Faults: of.Faults}
	switch {
	case !r.feed.Started():
		s.State = "unannounced"
	case of.Fresh:
		s.State = "fresh"
	default:
		s.State = "silent"
	}
	return s
}
