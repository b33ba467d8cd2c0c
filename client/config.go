package client

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/manacore/manacore-go/client/internal/token"
	"github.com/manacore/manacore-go/internal/env"
	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

// Mode is how a Client reaches its verdict.
type Mode string

const (
	// ModeLocal verifies the signature with the issuer's cached public keys: no
	// call per request. A revocation is seen within a second where the auth server
	// has a feed of them, see Revocations, and else when the token expires.
	ModeLocal Mode = "local"
	// ModeRemote asks the auth server about each token: a revocation is seen at
	// once, and an outage of the auth server is ErrUnavailable.
	ModeRemote Mode = "remote"
)

// Config of a Client. The zero value verifies locally against the auth server
// of a developer's machine. A negative number is an error unless its field
// says what it means.
type Config struct {
	// Issuers whose tokens are accepted. None: Issuer's own zero value.
	Issuers []Issuer
	// Mode is ModeLocal unless set.
	Mode Mode
	// FallbackLocal lets remote mode verify locally while the auth server
	// gives no verdict. A revocation is not seen meanwhile, so that a session that
	// ended goes on for as long as somebody keeps the auth server from answering,
	// by a flood for instance, until its tokens expire. In local mode it has no
	// effect, which New logs as a warning.
	FallbackLocal bool

	// Revocations is how local mode uses the auth server's feed of the sessions
	// that ended. "": RevocationsAuto. It has no effect in remote mode, which New
	// logs as a warning of RevocationsRequired.
	Revocations Revocations
	// ServiceKey, and AppID with it, get the feed a place of its own where
	// strangers take many. They are sent to the auth server and nowhere else. "":
	// none is sent.
	ServiceKey, AppID string

	Tokens  TokenConfig
	Keys    KeyConfig
	Cache   CacheConfig
	Breaker BreakerConfig

	// Timeout of one call to the auth server as a whole. 0: 5 s.
	Timeout time.Duration
	// PlaintextHosts are host names or addresses, without a port, that may be
	// called over plain http although they are not this machine: those of a
	// network, such as a cluster's, that nobody else listens to. They are called
	// without a proxy. None: the auth server's URL must be https, or this
	// machine's.
	PlaintextHosts []string
	// HTTPClient is copied for the calls to the auth server, and so is its
	// Transport where that is an *http.Transport: redirects are never followed,
	// and plain http goes through no proxy. nil: http.DefaultTransport is
	// copied.
	HTTPClient *http.Client
	// Clock tells the time. nil: the system's. The circuit breaker always
	// runs on the system's.
	Clock Clock
	// Logger hears of outages and odd key sets; once a minute, as a warning, of
	// a token that an issuer signed and whose iss or aud is not accepted, which
	// takes the issuer's keys and so is not told in remote mode without
	// FallbackLocal; and at debug level of the reason of each refusal. The text
	// of a token is in none of it. nil: slog.Default.
	Logger *slog.Logger
	// Trace hears of what happens inside. nil: nothing.
	Trace *Trace
}

// Issuer is an auth server and the names it goes by. A key of one issuer never
// verifies a token of another (RFC 8725 section 3.8).
type Issuer struct {
	// URL of the auth server, without the /api/v1. "": http://localhost:3001.
	// Over http:// it must be this machine or one of Config.PlaintextHosts:
	// who can write to the wire could put keys of their own there.
	URL string
	// JWKSURL is where the key set is, if elsewhere; the rule of URL holds for
	// it. "": URL and /api/v1/auth/jwks.
	JWKSURL string
	// Names accepted as iss, exactly. None: "manacore", and URL with and without
	// a slash at its end, as the two generations of auth servers sign.
	Names []string
	// Audiences of which aud must hold one, exactly. None: "manacore" and
	// "mana", likewise.
	Audiences []string
	// Snapshot is a file that keeps the last good key set, so that a backend
	// that restarts during an outage still verifies. Who can write it can
	// forge tokens: one that every user of the machine may write is not used,
	// and each issuer needs a file of its own. "": none.
	Snapshot string
}

// keysAlone tells that only JWKSURL is set: there is no URL at which a feed of
// revocations could be.
func (i Issuer) keysAlone() bool { return i.URL == "" && i.JWKSURL != "" }

// TokenConfig is what a token must be beside well signed.
type TokenConfig struct {
	// Leeway is the clock difference allowed for exp, nbf and iat. 0: 10 s.
	// Negative: none. At most 5 min.
	Leeway time.Duration
	// MaxLifetime is the longest accepted time from now to exp. 0: 24 h.
	MaxLifetime time.Duration
	// MaxBytes is the longest accepted token. 0: 8192.
	MaxBytes int
	// Types are the accepted typ, without "application/"; a token without one
	// is accepted. nil: JWT and at+jwt.
	Types []string
	// Required claims beside iss, sub, aud and exp, out of email, role, sid,
	// iat and nbf. nil: email and role. Empty but not nil: none.
	Required []string
}

// KeyConfig is how the issuers' key sets are kept.
type KeyConfig struct {
	// MaxStale is how long a set that is past its max-age serves while it
	// can't be fetched. 0: 1 h. Negative: not at all. At most 30 days.
	MaxStale time.Duration
	// Cooldown is the pause between two fetches for kids that nobody publishes,
	// once three have followed each other: it bounds what a stranger can cause,
	// and how long the token of a new key may have to wait while one tries. 256
	// tokens wait for the next fetch, 5 s at most; others are ErrKeyPending.
	// 0: 1 s.
	Cooldown time.Duration
}

// CacheConfig is how verdicts are remembered.
type CacheConfig struct {
	// Size is how many verified tokens are remembered. 0: 16384. Negative:
	// none.
	Size int
	// TTL is how long a verified token is remembered, at most until its exp.
	// 0: until its exp in local mode, not at all in remote mode, where it
	// delays the sight of a revocation.
	TTL time.Duration
	// NegativeTTL is how long the auth server's no is remembered in remote
	// mode. 0: 2 s. Negative: not at all.
	NegativeTTL time.Duration
}

// BreakerConfig is when remote mode stops asking an auth server that fails.
type BreakerConfig struct {
	// Failures in a row that open the breaker: 5xx, timeouts, broken
	// connections and answers. 0: 5.
	Failures uint32
	// OpenFor is how long it stays open before one probe is let through.
	// 0: 2 s.
	OpenFor time.Duration
}

// Clock is a source of time. AfterFunc calls f on its own goroutine or from
// the clock's, once d has passed, unless stop was called before.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }
func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// withDefaults fills what is not set, or says what is wrong.
func (c Config) withDefaults() (Config, error) {
	if c.Mode == "" {
		c.Mode = ModeLocal
	}
	if c.Revocations == "" {
		c.Revocations = RevocationsAuto
	}
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if len(c.Issuers) == 0 {
		c.Issuers = []Issuer{{}}
	}
	var noFeed error
	if c.Mode == ModeLocal && c.Revocations == RevocationsRequired && slices.ContainsFunc(c.Issuers, Issuer.keysAlone) {
		noFeed = fmt.Errorf("client: Revocations (MANA_AUTH_REVOCATIONS) is %q, and the auth server's URL (MANA_AUTH_URL), where its feed is, is not set", c.Revocations)
	}
	c.Issuers = slices.Clone(c.Issuers)
	for i := range c.Issuers {
		c.Issuers[i] = c.Issuers[i].withDefaults()
	}
	c.Tokens = c.Tokens.withDefaults()
	c.Timeout = orDefault(c.Timeout, 5*time.Second)
	c.Keys.MaxStale = orNone(c.Keys.MaxStale, time.Hour)
	c.Keys.Cooldown = orDefault(c.Keys.Cooldown, time.Second)
	c.Cache.Size = orNone(c.Cache.Size, 16384)
	c.Cache.NegativeTTL = orNone(c.Cache.NegativeTTL, 2*time.Second)
	c.Breaker.Failures = orDefault(c.Breaker.Failures, 5)
	c.Breaker.OpenFor = orDefault(c.Breaker.OpenFor, 2*time.Second)
	c, err := c.checked()
	return c, errors.Join(noFeed, err)
}

func (i Issuer) withDefaults() Issuer {
	if i.URL == "" {
		i.URL = "http://localhost:3001"
	}
	if len(i.Audiences) == 0 {
		i.Audiences = []string{"manacore", "mana"}
	}
	return i
}

// checked returns the issuer with its URLs in one spelling and the names that
// follow from them, or says what is wrong.
func (i Issuer) checked(plaintext []string) (Issuer, error) {
	base, err := httpcall.BaseURL(i.URL, plaintext, env.PlaintextVariable)
	if err != nil {
		return i, fmt.Errorf("client: the auth server's URL (MANA_AUTH_URL or MANA_CORE_AUTH_URL) %w", err)
	}
	if len(i.Names) == 0 {
		configured := strings.TrimRight(i.URL, "/") // iss is compared exactly, and may be spelt as this is
		names := []string{"manacore", base, base + "/", configured, configured + "/"}
		slices.Sort(names)
		i.Names = slices.Compact(names)
	}
	i.URL = base
	if i.JWKSURL == "" {
		i.JWKSURL = base + wire.JWKSPath
		return i, nil
	}
	if i.JWKSURL, err = httpcall.EndpointURL(i.JWKSURL, plaintext, env.PlaintextVariable); err != nil {
		return i, fmt.Errorf("client: the key set's URL (JWKS_URL) %w", err)
	}
	return i, nil
}

// elsewhere tells whether the key set is not where its auth server has it.
func (i Issuer) elsewhere() bool { return i.JWKSURL != i.URL+wire.JWKSPath }

// keySet says for the operator where the key set is, and what sets that.
func (i Issuer) keySet() string {
	if i.elsewhere() {
		return "the key set's URL (JWKS_URL) is " + i.JWKSURL
	}
	return "the auth server's URL (MANA_AUTH_URL) is " + i.URL
}

func (t TokenConfig) withDefaults() TokenConfig {
	t.Leeway = orNone(t.Leeway, 10*time.Second)
	t.MaxLifetime = orDefault(t.MaxLifetime, 24*time.Hour)
	t.MaxBytes = orDefault(t.MaxBytes, 8192)
	if t.Types == nil {
		t.Types = []string{"JWT", "at+jwt"}
	}
	if t.Required == nil {
		t.Required = []string{"email", "role"}
	}
	return t
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// orNone is orDefault where a negative value means zero.
func orNone[T int | time.Duration](v, def T) T { return max(orDefault(v, def), 0) }

// checked returns the configuration with its URLs in one spelling, or says what
// is wrong.
func (c Config) checked() (Config, error) {
	var errs []error
	reject := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("client: "+format, args...))
		}
	}
	reject(c.Mode != ModeLocal && c.Mode != ModeRemote, "Mode is %q, and must be %q or %q", c.Mode, ModeLocal, ModeRemote)
	reject(c.Revocations != RevocationsAuto && c.Revocations != RevocationsOff && c.Revocations != RevocationsRequired,
		"Revocations is %q, and must be %q, %q or %q", c.Revocations, RevocationsAuto, RevocationsOff, RevocationsRequired)
	reject(c.Timeout < 0, "Timeout is negative")
	reject(c.Keys.Cooldown < 0, "Keys.Cooldown is negative")
	reject(c.Keys.MaxStale > 30*24*time.Hour, "Keys.MaxStale is over 30 days")
	reject(c.Cache.TTL < 0, "Cache.TTL is negative")
	reject(c.Breaker.OpenFor < 0, "Breaker.OpenFor is negative")
	reject(c.Tokens.Leeway > 5*time.Minute, "Tokens.Leeway is over 5 minutes")
	reject(c.Tokens.MaxLifetime < 0, "Tokens.MaxLifetime is negative")
	reject(c.Tokens.MaxBytes < 0, "Tokens.MaxBytes is negative")
	for _, name := range c.Tokens.Required {
		reject(!token.Requirable(name), "Tokens.Required holds %q, which is not one of email, role, sid, iat and nbf", name)
	}
	if err := httpcall.CheckHosts(c.PlaintextHosts); err != nil {
		errs = append(errs, fmt.Errorf("client: PlaintextHosts (%s) %w", env.PlaintextVariable, err))
	}
	names := make(map[string]bool)
	for i, issuer := range c.Issuers {
		issuer, err := issuer.checked(c.PlaintextHosts)
		if err != nil {
			errs = append(errs, err)
		}
		c.Issuers[i] = issuer
		for _, name := range issuer.Names {
			reject(name == "", "an issuer name is empty")
			reject(names[name], "the issuer name %q stands twice", name)
			names[name] = true
		}
		reject(slices.Contains(issuer.Audiences, ""), "an audience is empty")
	}
	return c, errors.Join(errs...)
}

// warnOfNoEffect says which settings the mode, or another one, leaves without an
// effect. They are no errors: a deployment may set a variable once for services
// of both modes, and a snapshot only helps during an outage.
func (c Config) warnOfNoEffect() {
	files := make(map[string]bool)
	if c.Mode == ModeLocal && c.FallbackLocal {
		c.Logger.Warn("FallbackLocal (MANA_AUTH_FALLBACK) has no effect in local mode, which verifies locally always")
	}
	if c.Mode == ModeRemote && c.Revocations == RevocationsRequired {
		c.Logger.Warn("Revocations (MANA_AUTH_REVOCATIONS) has no effect in remote mode, which asks the auth server about each token")
	}
	for _, issuer := range c.Issuers {
		if files[issuer.Snapshot] {
			c.Logger.Warn("Snapshot is the same file for two issuers, each of which replaces what the other keeps: each needs a file of its own", "file", issuer.Snapshot)
		}
		files[issuer.Snapshot] = issuer.Snapshot != ""
		if c.Mode == ModeRemote && !c.FallbackLocal && issuer.elsewhere() {
			c.Logger.Warn("JWKSURL (JWKS_URL) has no effect in remote mode without FallbackLocal: the auth server is asked at its URL", "url", issuer.URL)
		}
	}
}
