package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/keys"
	"github.com/manacore/manacore-go/client/internal/remote"
	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/lru"
	"github.com/manacore/manacore-go/internal/wire"
)

var errAnswer = fault.New(fault.ErrUnavailable, "the claims of the auth server's answer are not accepted")

// Client verifies access tokens. It is safe for concurrent use, and a process
// needs one. From the first Verify or Ready on, a Client that verifies locally
// keeps the key set of each issuer fresh with a timer and, during a fetch, a
// goroutine, and a Client of either mode keeps idle connections: Close ends
// them. A Client that nobody closes keeps all of them until the process ends.
type Client struct {
	config                            Config
	policy                            token.Policy
	http                              *http.Client
	idle                              func() // closes the idle connections of http
	all                               []*issuer
	issuers                           map[string]*issuer  // by name
	verified                          *lru.Cache[verdict] // nil: nothing is remembered
	refused                           *lru.Cache[verdict] // the auth server's no; nil: nothing
	accepted, denied, down, fallbacks atomic.Uint64
	givenUp, keyPending               atomic.Uint64
	undone                            atomic.Uint64 // hits of tokens that were then asked about
	wrongIssuer, wrongAudience        minutely
}

// issuer is an Issuer at work. keys is nil in remote mode without fallback,
// remote in local mode.
type issuer struct {
	Issuer
	keys            *keys.Source
	remote          *remote.Validator
	revocations     *revocations // nil: there is no feed
	fetches, failed atomic.Uint64
}

// verdict is what the cache remembers of a token.
type verdict struct {
	user   User
	err    error // the auth server's no; nil for a verified token
	since  time.Time
	until  time.Time
	key    *keys.Key    // what it was verified with; nil in remote mode
	source *keys.Source // where the key is from

	revocations *revocations // where an end of the session is told; nil: nowhere
	session     wire.SessionDigest
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
	if config.Cache.Size > 0 && (config.Mode == ModeLocal || config.Cache.TTL > 0) {
		c.verified = lru.New[verdict](config.Cache.Size)
	}
	if config.Mode == ModeRemote && config.Cache.NegativeTTL > 0 {
		c.refused = lru.New[verdict](1024)
	}
	for n, i := range config.Issuers {
		it := c.newIssuer(i)
		if n >= len(given) || !given[n].keysAlone() {
			it.revocations = c.newRevocations(it)
		}
		c.all = append(c.all, it)
		for _, name := range i.Names {
			c.issuers[name] = it
		}
	}
	return c, nil
}

func (c *Client) newIssuer(config Issuer) *issuer {
	it := &issuer{Issuer: config}
	if c.config.Mode == ModeLocal || c.config.FallbackLocal {
		it.keys = keys.New(keys.Config{
			URL:      config.JWKSURL,
			HTTP:     c.http,
			Timeout:  c.config.Timeout,
			MaxStale: c.config.Keys.MaxStale,
			Cooldown: c.config.Keys.Cooldown,
			Clock:    c.config.Clock,
			Log:      c.config.Logger,
			Snapshot: config.Snapshot,
			OnFetch:  func(f keys.Fetch) { c.fetched(it, f) },
			Announced: func() {
				if it.revocations != nil {
					it.revocations.feed.Start()
				}
			},
			Settled: func(now time.Time) bool { return it.revocations != nil && it.revocations.fresh(now) },
		})
	}
	if c.config.Mode == ModeRemote {
		it.remote = c.newValidator(it)
	}
	return it
}

// newValidator asks the auth server of an issuer.
func (c *Client) newValidator(it *issuer) *remote.Validator {
	return remote.New(remote.Config{
		URL:      it.URL + wire.ValidatePath,
		HTTP:     c.http,
		Timeout:  c.config.Timeout,
		Failures: c.config.Breaker.Failures,
		OpenFor:  c.config.Breaker.OpenFor,
		Log:      c.config.Logger,
		OnChange: func(from, to string) { c.breakerChanged(it, from, to) },
	})
}

// Ready waits until every issuer can be asked: for the first key set in local
// mode, for one answer of the auth server in remote mode, where it tries once.
// The error is ErrUnavailable; it names the URL and, where ctx ended, the last
// failure too.
func (c *Client) Ready(ctx context.Context) error {
	for _, it := range c.all {
		it.revocations.prime()
		if it.keys != nil {
			if err := it.keys.Ready(ctx); err != nil {
				return fmt.Errorf("%w: %s", err, it.keySet())
			}
		}
		if it.remote != nil {
			if err := it.remote.Ready(ctx); err != nil {
				return fmt.Errorf("%w: the auth server's URL (MANA_AUTH_URL) is %s", err, it.URL)
			}
		}
	}
	return nil
}

// Close ends what runs in the background and waits for it. Verify then answers
// ErrUnavailable where it would need the auth server. It never fails; the
// error is there for io.Closer.
func (c *Client) Close() error {
	for _, it := range c.all {
		it.revocations.close()
		if it.keys != nil {
			it.keys.Close()
		}
		if it.remote != nil {
			it.remote.Close()
		}
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
		if v, now := c.remembered(text); v != nil {
			if v.err != nil {
				c.count(ctx, v.err)
				return User{}, v.err
			}
			return c.again(ctx, text, v, now)
		}
	}
	user, err := c.decide(ctx, text)
	return c.counted(ctx, user, err)
}

// counted counts the outcome of a token that was not remembered.
func (c *Client) counted(ctx context.Context, user User, err error) (User, error) {
	if err != nil {
		c.count(ctx, err)
		return user, err
	}
	c.accepted.Add(1)
	return user, nil
}

// decide reaches the verdict on a token that is not remembered.
func (c *Client) decide(ctx context.Context, text string) (User, error) {
	t, err := token.Read(text, &c.policy)
	if err != nil {
		return User{}, err
	}
	it := c.issuers[t.Claims.Issuer]
	if it == nil {
		c.warnOfIssuer(ctx, t)
		return User{}, token.ErrIssuer
	}
	user, err := c.ask(ctx, it, text, t)
	if errors.Is(err, token.ErrAudience) {
		c.warnOfAudience(ctx, it, t)
	}
	return user, err
}

// ask reaches the verdict of the token's issuer, as the mode says.
func (c *Client) ask(ctx context.Context, it *issuer, text string, t *token.Token) (User, error) {
	if it.remote == nil {
		it.revocations.prime()
		return c.local(ctx, it, text, t)
	}
	if it.keys != nil {
		it.keys.Prime(ctx) // the fallback needs its keys before the outage
	}
	user, err := c.remote(ctx, it, it.remote, text, t)
	if errors.Is(err, fault.ErrUnavailable) && it.keys != nil && ctx.Err() == nil {
		c.fallbacks.Add(1)
		return c.local(ctx, it, text, t)
	}
	return user, err
}

// local verifies with the issuer's own key, the signature before the claims.
func (c *Client) local(ctx context.Context, it *issuer, text string, t *token.Token) (User, error) {
	key := it.keys.Held(t.Kid())
	if key == nil {
		// No key stands for the claims yet, but a token that they refuse anyway
		// is not worth a look at the key set.
		good := c.policy.Check(&t.Claims, it.Audiences, c.config.Clock.Now()) == nil
		var err error
		if key, err = it.keys.Find(ctx, t.Kid(), good); err != nil {
			return User{}, err
		}
	}
	if !t.SignedBy(key.Public) {
		return User{}, fault.ErrSignature
	}
	now := c.config.Clock.Now()
	if err := c.policy.Check(&t.Claims, it.Audiences, now); err != nil {
		return User{}, err
	}
	user := userOf(&t.Claims)
	if c.config.Mode != ModeLocal {
		return user, nil
	}
	v := verdict{user: user, since: now, until: user.ExpiresAt, key: key, source: it.keys}
	if it.revocations != nil {
		v.revocations, v.session = it.revocations, wire.DigestSession(user.SessionID)
		switch v.standing(now) {
		case ended:
			return User{}, errEnded
		case unknown:
			return c.remote(ctx, it, it.revocations.asked, text, t)
		}
	}
	c.remember(text, v)
	return user, nil
}

// remote asks the auth server about a token whose form and claims are good,
// and holds its answer to the same rules.
func (c *Client) remote(ctx context.Context, it *issuer, asked *remote.Validator, text string, t *token.Token) (User, error) {
	if err := c.policy.Check(&t.Claims, it.Audiences, c.config.Clock.Now()); err != nil {
		return User{}, err
	}
	answer, err := asked.Validate(ctx, text, &t.Claims)
	now := c.config.Clock.Now()
	if errors.Is(err, fault.ErrRejected) {
		if !now.Before(t.Claims.Expires) {
			err = fault.ErrExpired
		}
		c.refuse(text, err, now)
		return User{}, err
	}
	if err != nil {
		return User{}, err
	}
	// The token's own claims were good: an answer whose claims are not is no
	// verdict on it, unless exp has passed meanwhile.
	if err := c.policy.Check(answer, it.Audiences, now); errors.Is(err, fault.ErrExpired) {
		return User{}, err
	} else if err != nil {
		return User{}, errAnswer
	}
	user := userOf(answer)
	if c.config.Mode == ModeRemote && c.config.Cache.TTL > 0 {
		c.remember(text, verdict{user: user, since: now, until: user.ExpiresAt})
	}
	return user, nil
}

func userOf(claims *token.Claims) User {
	return User{
		ID:        claims.Subject,
		Email:     claims.Email,
		Role:      claims.Role,
		SessionID: claims.Session(),
		IssuedAt:  claims.IssuedAt,
		ExpiresAt: claims.Expires,
	}
}
