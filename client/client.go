package client

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/httpcall"
)

// Client verifies access tokens. It is safe for concurrent use, and a process
// needs one. From the first Verify or Ready on, a Client that verifies locally
// keeps the key set of each issuer fresh with a timer and, during a fetch, a
// goroutine, and follows a feed of revocations on goroutines of its own; a Client
// of either mode keeps idle connections. Close ends them. A Client that nobody
// closes keeps all of them until the process ends.
type Client struct {
	config                            Config
	policy                            token.Policy
	http                              *http.Client
	idle                              func() // closes the idle connections of http
	memory                            memory
	all                               []*issuer
	issuers                           map[string]*issuer // by name
	accepted, denied, down, fallbacks atomic.Uint64
	givenUp, keyPending               atomic.Uint64
	undone                            atomic.Uint64 // hits of tokens that were then asked about
	wrongIssuer, wrongAudience        minutely
}

// issuer is an Issuer at work.
type issuer struct {
	Issuer
	judge
}

// New makes a Client. It does no I/O: the first Verify or Ready does. The
// error says everything that is wrong with the configuration.
func New(config Config) (*Client, error) {
	given := config.Issuers
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: config,
		policy: token.Policy{
			MaxBytes:    config.Tokens.MaxBytes,
			Types:       config.Tokens.Types,
			Leeway:      config.Tokens.Leeway,
			MaxLifetime: config.Tokens.MaxLifetime,
			Required:    config.Tokens.Required,
		},
		issuers: make(map[string]*issuer),
	}
	c.http, c.idle = httpcall.Client(config.HTTPClient)
	config.warnOfNoEffect()
	c.memory = newMemory(config)
	for n, i := range config.Issuers {
		it := &issuer{i, c.newJudge(i, n >= len(given) || !given[n].keysAlone())}
		c.all = append(c.all, it)
		for _, name := range i.Names {
			c.issuers[name] = it
		}
	}
	return c, nil
}

// Ready waits until every issuer can be asked: for the first key set in local
// mode, for one answer of the auth server in remote mode, where it tries once.
// The error is ErrUnavailable; it names the URL and, where ctx ended, the last
// failure too.
func (c *Client) Ready(ctx context.Context) error {
	for _, it := range c.all {
		if err := it.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends what runs in the background and waits for it. Verify then answers
// ErrUnavailable where it would need the auth server. It never fails; the
// error is there for io.Closer.
func (c *Client) Close() error {
	for _, it := range c.all {
		it.close()
	}
	c.idle()
	return nil
}

// Verify returns the user that the token in text speaks for. On an error the User is the
// zero value, and the error is ErrUnauthenticated or ErrUnavailable. ctx bounds
// the wait for the auth server; a caller that gives up gets ErrUnavailable and
// fails no other.
func (c *Client) Verify(ctx context.Context, text string) (User, error) {
	if trace := c.config.Trace; trace != nil && trace.Verified != nil {
		start := time.Now()
		user, err := c.verify(ctx, text)
		trace.Verified(VerifiedInfo{Err: err, Duration: time.Since(start)})
		return user, err
	}
	return c.verify(ctx, text)
}

func (c *Client) verify(ctx context.Context, text string) (User, error) {
	if text == "" {
		c.count(ctx, fault.ErrNoToken)
		return User{}, fault.ErrNoToken
	}
	// Longer tokens are not worth a look-up, which reads all of one.
	if len(text) <= c.policy.MaxBytes {
		if user, ok, err := c.remembered(ctx, text); ok {
			return user, err
		}
	}
	v := c.decide(ctx, text)
	c.memory.keep(text, v)
	if v.err != nil {
		c.count(ctx, v.err)
		return User{}, v.err
	}
	c.accepted.Add(1)
	return v.user, nil
}

// remembered gives a verdict that is kept once more, if the session of the token
// still stands.
func (c *Client) remembered(ctx context.Context, text string) (user User, ok bool, err error) {
	v, now := c.memory.find(text)
	if v == nil {
		return User{}, false, nil
	}
	err = v.err
	switch v.standing(now) {
	case unknown:
		c.undone.Add(1)
		return User{}, false, nil
	case ended:
		c.memory.yes.Drop(text)
		err = errEnded
	}
	if err != nil {
		c.count(ctx, err)
		return User{}, true, err
	}
	return v.user, true, nil
}

// decide reaches the verdict on a token that is not remembered.
func (c *Client) decide(ctx context.Context, text string) verdict {
	t, err := token.Read(text, &c.policy)
	if err != nil {
		return refusal(err)
	}
	it := c.issuers[t.Claims.Issuer]
	if it == nil {
		c.warnOfIssuer(ctx, t)
		return refusal(token.ErrIssuer)
	}
	v := it.verify(ctx, text, t)
	if errors.Is(v.err, token.ErrAudience) {
		c.warnOfAudience(ctx, it, t)
	}
	return v
}

func userOf(claims *token.Claims) User {
	return User{
		ID:            claims.Subject,
		Email:         claims.Email,
		Role:          claims.Role,
		SessionID:     claims.Session(),
		Tier:          claims.Tier,
		EmailVerified: claims.EmailVerified,
		IssuedAt:      claims.IssuedAt,
		ExpiresAt:     claims.Expires,
	}
}
