package client

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/feed"
	"github.com/manacore/manacore-go/client/internal/keys"
	"github.com/manacore/manacore-go/client/internal/token"
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

// watched is local, with a feed that names the sessions that ended.
type watched struct {
	local    *local
	feed     *feed.Feed
	required bool
	asked    *remote       // gives the verdict while the feed is silent, where it is required
	unseen   atomic.Uint64 // verdicts that were given while the feed was silent
}

func (c *Client) newWatched(issuer Issuer) *watched {
	w := &watched{required: c.config.Revocations == RevocationsRequired, asked: c.newRemote(issuer)}
	endless := *c.http
	endless.Timeout = 0 // that of a whole call, and a stream has no end
	w.feed = feed.New(feed.Config{
		URL:         issuer.URL + wire.RevocationsPath,
		HTTP:        &endless,
		AppID:       c.config.AppID,
		ServiceKey:  c.config.ServiceKey,
		Latest:      c.config.Tokens.MaxLifetime + c.config.Tokens.Leeway,
		Clock:       c.config.Clock,
		Log:         c.config.Logger,
		KeysChanged: func() { w.local.keys.Changed() },
	})
	w.local = c.newLocal(issuer, keys.Config{
		Announced: w.feed.Start,
		Settled:   func(now time.Time) bool { return w.feed.Started() && w.feed.Fresh(now) },
	})
	return w
}

func (w *watched) verify(ctx context.Context, text string, t *token.Token) verdict {
	w.prime()
	v := w.local.verify(ctx, text, t)
	if v.err != nil {
		return v
	}
	v.watch, v.session = w, wire.DigestSession(v.user.SessionID)
	switch v.standing(v.since) {
	case ended:
		return refusal(errEnded)
	case unknown:
		v = w.asked.verify(ctx, text, t)
		v.until = time.Time{} // the next one may be the feed's again
	}
	return v
}

// prime begins to follow the feed where it need not be announced first.
func (w *watched) prime() {
	if w.required {
		w.feed.Start()
	}
}

func (w *watched) signed(ctx context.Context, t *token.Token) bool { return w.local.signed(ctx, t) }

func (w *watched) ready(ctx context.Context) error {
	w.prime()
	return w.local.ready(ctx)
}

func (w *watched) close() {
	w.feed.Close()
	w.asked.close()
	w.local.close()
}

func (w *watched) stats(s *IssuerStats) {
	w.local.stats(s)
	if w.required {
		w.asked.stats(s)
	}
	of := w.feed.Stats()
	s.Revocations = RevocationStats{Ended: of.Ended, Unseen: w.unseen.Load(), Connections: of.Connects, Faults: of.Faults}
	switch {
	case !w.feed.Started():
		s.Revocations.State = "unannounced"
	case of.Fresh:
		s.Revocations.State = "fresh"
	default:
		s.Revocations.State = "silent"
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
	w := v.watch
	if w == nil || !w.feed.Started() {
		return stands
	}
	named, fresh := w.feed.Look(v.session, now)
	switch {
	case named:
		return ended
	case v.user.SessionID != "" && fresh:
		return stands
	case w.required:
		return unknown
	}
	w.unseen.Add(1)
	return stands
}
