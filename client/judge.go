package client

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/keys"
	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

// judge reaches the verdicts on one issuer's tokens in the way of one mode.
type judge interface {
	// verify judges a token whose form and iss are good.
	verify(ctx context.Context, text string, t *token.Token) verdict
	// signed tells whether a key of the issuer that is held already signed t. It
	// waits for none.
	signed(ctx context.Context, t *token.Token) bool
	ready(ctx context.Context) error
	close()
	// stats fills in what the judge knows of its issuer.
	stats(s *IssuerStats)
}

// verdict is what a judge says of a token, and what the memory keeps of it.
type verdict struct {
	user  User
	err   error     // the no; nil: yes
	since time.Time // when it was reached
	until time.Time // when it has to be reached anew; zero: each time
	// key is what the token was verified with, and source where that is from: the
	// verdict ends with either. nil: it is the auth server's.
	key    *keys.Key
	source *keys.Source
	// watch knows when the session ends, by its digest. nil: nobody does.
	watch   *watched
	session wire.SessionDigest
}

func refusal(err error) verdict { return verdict{err: err} }

// newJudge makes the judge of the configured mode. feed tells whether there is a
// URL at which a feed of revocations could be.
func (c *Client) newJudge(issuer Issuer, feed bool) judge {
	switch {
	case c.config.Mode == ModeRemote && c.config.FallbackLocal:
		return &fallback{remote: c.newRemote(issuer), local: c.newLocal(issuer, keys.Config{}), used: &c.fallbacks}
	case c.config.Mode == ModeRemote:
		return c.newRemote(issuer)
	case c.config.Revocations == RevocationsOff || !feed:
		return c.newLocal(issuer, keys.Config{})
	default:
		return c.newWatched(issuer)
	}
}

// fallback leaves to local what remote has no verdict on.
type fallback struct {
	remote *remote
	local  *local
	used   *atomic.Uint64 // counts the tokens that were left to local
}

func (f *fallback) verify(ctx context.Context, text string, t *token.Token) verdict {
	f.local.keys.Prime(ctx) // they are needed before the outage
	v := f.remote.verify(ctx, text, t)
	if !errors.Is(v.err, fault.ErrUnavailable) || ctx.Err() != nil {
		return v
	}
	f.used.Add(1)
	v = f.local.verify(ctx, text, t)
	v.until = time.Time{} // so that the auth server is asked as soon as it is back
	return v
}

func (f *fallback) signed(ctx context.Context, t *token.Token) bool { return f.local.signed(ctx, t) }

func (f *fallback) ready(ctx context.Context) error {
	if err := f.local.ready(ctx); err != nil {
		return err
	}
	return f.remote.ready(ctx)
}

func (f *fallback) close() {
	f.local.close()
	f.remote.close()
}

func (f *fallback) stats(s *IssuerStats) {
	f.local.stats(s)
	f.remote.stats(s)
}
