package client

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/token"
)

// count counts a call that reached no user, and logs its reason at debug
// level. The errors have fixed texts, so nothing of the token gets there.
func (c *Client) count(ctx context.Context, err error) {
	switch {
	case errors.Is(err, fault.ErrUnauthenticated):
		c.denied.Add(1)
	case ctx.Err() != nil:
		// How long a caller waits says nothing about the auth server.
		c.givenUp.Add(1)
		return
	case errors.Is(err, fault.ErrKeyPending):
		c.keyPending.Add(1)
	default:
		c.down.Add(1)
	}
	if c.config.Logger.Enabled(ctx, slog.LevelDebug) {
		c.config.Logger.LogAttrs(ctx, slog.LevelDebug, "a token is not accepted", slog.Any("error", err))
	}
}

// warnOfIssuer warns, once a minute, of a token that one of the issuers signed
// under a name that is not accepted: that is a mistake in a configuration,
// while a stranger can only sign with other keys. It waits for no key set.
func (c *Client) warnOfIssuer(ctx context.Context, t *token.Token) {
	now := c.config.Clock.Now()
	if !c.wrongIssuer.due(now) {
		return
	}
	for _, it := range c.all {
		if it.signed(ctx, t) && c.wrongIssuer.take(now) {
			c.config.Logger.LogAttrs(ctx, slog.LevelWarn,
				"a token of the auth server is refused for its iss: Issuer.Names (JWT_ISSUER) must hold the name that the auth server signs with",
				slog.String("url", it.URL), slog.String("iss", t.Claims.Issuer), slog.Any("accepted", it.Names))
			return
		}
	}
}

// warnOfAudience is warnOfIssuer for aud.
func (c *Client) warnOfAudience(ctx context.Context, it *issuer, t *token.Token) {
	now := c.config.Clock.Now()
	if c.wrongAudience.due(now) && it.signed(ctx, t) && c.wrongAudience.take(now) {
		c.config.Logger.LogAttrs(ctx, slog.LevelWarn,
			"a token of the auth server is refused for its aud: Issuer.Audiences (JWT_AUDIENCE) must hold a name that the auth server signs for",
			slog.String("url", it.URL), slog.Any("aud", slices.Clone(t.Claims.Audiences)), slog.Any("accepted", it.Audiences))
	}
}

// minutely lets one line through a minute. The zero value is ready.
type minutely struct {
	last atomic.Pointer[time.Time] // nil: no line yet
}

// due tells whether a line may be written now; it may also where the clock was
// set back.
func (m *minutely) due(now time.Time) bool {
	last := m.last.Load()
	return last == nil || now.Before(*last) || now.Sub(*last) >= time.Minute
}

// take is due for one of the callers that ask at the same time.
func (m *minutely) take(now time.Time) bool {
	last := m.last.Load()
	return m.due(now) && m.last.CompareAndSwap(last, &now)
}
