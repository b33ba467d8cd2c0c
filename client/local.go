package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/keys"
	"github.com/manacore/manacore-go/client/internal/token"
)

// local verifies with the issuer's own keys.
type local struct {
	issuer          Issuer
	policy          *token.Policy
	clock           Clock
	trace           *Trace
	keys            *keys.Source
	fetches, failed atomic.Uint64
}

// newLocal makes a local judge. Of hooks, Announced and Settled may be set.
func (c *Client) newLocal(issuer Issuer, hooks keys.Config) *local {
	l := &local{issuer: issuer, policy: &c.policy, clock: c.config.Clock, trace: c.config.Trace}
	l.keys = keys.New(keys.Config{
		URL:      issuer.JWKSURL,
		HTTP:     c.http,
		Timeout:  c.config.Timeout,
		MaxStale: c.config.Keys.MaxStale,
		Cooldown: c.config.Keys.Cooldown,
		Clock:    c.config.Clock,
		Log:      c.config.Logger,
		Snapshot: issuer.Snapshot,
		OnFetch:  l.fetched,

		Announced: hooks.Announced,
		Settled:   hooks.Settled,
	})
	return l
}

// verify checks the signature before the claims.
func (l *local) verify(ctx context.Context, _ string, t *token.Token) verdict {
	key := l.keys.Held(t.Kid())
	if key == nil {
		// No key stands for the claims yet, but a token that they refuse anyway
		// is not worth a look at the key set.
		good := l.policy.Check(&t.Claims, l.issuer.Audiences, l.clock.Now()) == nil
		var err error
		if key, err = l.keys.Find(ctx, t.Kid(), good); err != nil {
			return refusal(err)
		}
	}
	if !t.SignedBy(key.Public) {
		return refusal(fault.ErrSignature)
	}
	now := l.clock.Now()
	if err := l.policy.Check(&t.Claims, l.issuer.Audiences, now); err != nil {
		return refusal(err)
	}
	return verdict{user: userOf(&t.Claims), since: now, until: t.Claims.Expires, key: key, source: l.keys}
}

func (l *local) signed(ctx context.Context, t *token.Token) bool {
	l.keys.Prime(ctx) // where every token is refused for its claims, nothing else fetches the keys
	key := l.keys.Held(t.Kid())
	return key != nil && t.SignedBy(key.Public)
}

func (l *local) ready(ctx context.Context) error {
	if err := l.keys.Ready(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, l.issuer.keySet())
	}
	return nil
}

func (l *local) close() { l.keys.Close() }

func (l *local) stats(s *IssuerStats) {
	s.Keys, s.Serving = l.keys.Len(), l.keys.Serving(l.clock.Now())
	s.Fetches, s.Failed = l.fetches.Load(), l.failed.Load()
}

func (l *local) fetched(f keys.Fetch) {
	l.fetches.Add(1)
	if f.Err != nil {
		l.failed.Add(1)
	}
	if l.trace != nil && l.trace.KeyFetch != nil {
		l.trace.KeyFetch(KeyFetchInfo{URL: f.URL, Duration: f.Duration, Keys: f.Keys, Err: f.Err})
	}
}
