package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/manacore/manacore-go/client/internal/fault"
	validate "github.com/manacore/manacore-go/client/internal/remote"
	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/wire"
)

var errAnswer = fault.New(fault.ErrUnavailable, "the claims of the auth server's answer are not accepted")

// remote asks the auth server.
type remote struct {
	issuer   Issuer
	policy   *token.Policy
	clock    Clock
	cache    CacheConfig
	validate *validate.Validator
}

func (c *Client) newRemote(issuer Issuer) *remote {
	config := c.config
	return &remote{
		issuer: issuer, policy: &c.policy, clock: config.Clock, cache: config.Cache,
		validate: validate.New(validate.Config{
			URL:      issuer.URL + wire.ValidatePath,
			HTTP:     c.http,
			Timeout:  config.Timeout,
			Failures: config.Breaker.Failures,
			OpenFor:  config.Breaker.OpenFor,
			Log:      config.Logger,
			OnChange: func(from, to string) {
				if config.Trace != nil && config.Trace.BreakerChange != nil {
					config.Trace.BreakerChange(BreakerChangeInfo{URL: issuer.URL, From: from, To: to})
				}
			},
		}),
	}
}

// verify asks about a token whose form and claims are good, and holds the answer
// to the same rules.
func (r *remote) verify(ctx context.Context, text string, t *token.Token) verdict {
	if err := r.policy.Check(&t.Claims, r.issuer.Audiences, r.clock.Now()); err != nil {
		return refusal(err)
	}
	answer, err := r.validate.Validate(ctx, text, &t.Claims)
	now := r.clock.Now()
	if errors.Is(err, fault.ErrRejected) {
		if !now.Before(t.Claims.Expires) {
			err = fault.ErrExpired
		}
		return verdict{err: err, since: now, until: now.Add(r.cache.NegativeTTL)}
	}
	if err != nil {
		return refusal(err)
	}
	// The token's own claims were good: an answer whose claims are not is no
	// verdict on it, unless exp has passed meanwhile.
	if err := r.policy.Check(answer, r.issuer.Audiences, now); errors.Is(err, fault.ErrExpired) {
		return refusal(err)
	} else if err != nil {
		return refusal(errAnswer)
	}
	v := verdict{user: userOf(answer), since: now}
	if r.cache.TTL > 0 {
		v.until = answer.Expires
	}
	return v
}

// signed is false: no keys are held.
func (*remote) signed(context.Context, *token.Token) bool { return false }

func (r *remote) ready(ctx context.Context) error {
	if err := r.validate.Ready(ctx); err != nil {
		return fmt.Errorf("%w: the auth server's URL (MANA_AUTH_URL) is %s", err, r.issuer.URL)
	}
	return nil
}

func (r *remote) close() { r.validate.Close() }

func (r *remote) stats(s *IssuerStats) { s.Breaker = r.validate.State() }
