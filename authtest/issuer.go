package authtest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/memledger"
	"github.com/manacore/manacore-go/internal/wire"
)

// The user whom Token speaks for unless told otherwise, and the names that
// an issuer has unless told otherwise.
const (
	DefaultName      = "manacore" // both iss and aud, but in 2026
	DefaultSubject   = "kT3vQ9mWx2LbR7sYc5NzHd8FgJp4UaEo"
	DefaultEmail     = "user@example.com"
	DefaultRole      = "user"
	DefaultSessionID = "Vw6Xq1ZtB9nK4rMf8PjL2sYhC7dGe3Ua"
	DefaultTier      = "public" // in tokens of 2026 alone, and in every verdict

	// TokenLife is how long a token of Token lives.
	TokenLife = 15 * time.Minute
	// DefaultMaxAge is the max-age of the key set.
	DefaultMaxAge = 5 * time.Minute
)

// Issuer is an auth server in the test's own process: it publishes its keys,
// judges tokens over HTTP, and mints them. It is safe for concurrent use.
type Issuer struct {
	generation     wire.Generation
	name, audience string // "": those of the generation
	seed           string
	clock          *Clock
	fatalf         func(format string, args ...any)

	jwksRequests     atomic.Int64
	validateRequests atomic.Int64
	creditRequests   atomic.Int64
	redirected       atomic.Int64

	mu       sync.Mutex
	keys     []*key // in the order made, never empty
	extra    []string
	document []byte // in place of the key set, where not nil
	maxAge   time.Duration
	skew     time.Duration
	revoked  map[string]bool // session ids, and whole tokens that have none
	mode     *mode

	ledger *memledger.Ledger
	feed   feed
	net    network
}

// Option changes how an issuer is made.
type Option func(*Issuer)

// WithGeneration2026 makes the issuer one of the auth servers of 2026. Its name
// is its URL and its audience "mana", its tokens have a tier, DefaultTier, and
// email_verified, true, and its errors the codes of that year. Default: one of
// December 2025. Backends meet both.
func WithGeneration2026() Option { return func(i *Issuer) { i.generation = wire.Generation2026 } }

// WithName sets the issuer's name, the iss of its tokens. Default DefaultName, or
// in 2026 the issuer's URL.
func WithName(iss string) Option { return func(i *Issuer) { i.name = iss } }

// WithAudience sets the aud of its tokens. Default DefaultName, or in 2026
// "mana".
func WithAudience(aud string) Option { return func(i *Issuer) { i.audience = aud } }

// WithClock runs the issuer on c. Default, and nil: the real time.
func WithClock(c *Clock) Option { return func(i *Issuer) { i.clock = c } }

// WithSeed makes the keys, and with a fixed clock the tokens, the same in
// every run: two issuers with one seed have the same keys. Default, and empty:
// random keys.
func WithSeed(seed string) Option { return func(i *Issuer) { i.seed = seed } }

// WithTLS serves HTTPS, with a certificate that HTTPClient trusts and no other
// client does. TLSError needs it; every other fault works with it too.
func WithTLS() Option { return func(i *Issuer) { i.net.tls = true } }

// WithoutSockets keeps the issuer in the memory of the process: the connections
// to it are pipes, and HTTPClient is the one way to it. Made inside a bubble of
// testing/synctest, such an issuer lets the bubble's time pass; one with sockets
// makes it wait for ever. Its outages are those of every issuer.
func WithoutSockets() Option { return func(i *Issuer) { i.net.pipes = new(pipes) } }

// NewIssuer starts an issuer for one test and closes it when the test ends.
func NewIssuer(tb testing.TB, opts ...Option) *Issuer {
	tb.Helper()
	i := newIssuer(tb.Fatalf, opts)
	tb.Cleanup(i.Close)
	return i
}

// Start starts an issuer where there is no test to end it, in an Example or a
// TestMain: the caller closes it. Where NewIssuer fails the test, it panics.
func Start(opts ...Option) *Issuer {
	return newIssuer(panicf, opts)
}

func panicf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func newIssuer(fatalf func(string, ...any), opts []Option) *Issuer {
	i := &Issuer{
		generation: wire.Generation2025,
		fatalf:     fatalf,
		maxAge:     DefaultMaxAge,
		revoked:    map[string]bool{},
		mode:       &mode{ended: make(chan struct{})},
		feed:       feed{era: rand.Text(), added: make(chan struct{})},
	}
	for _, o := range opts {
		o(i)
	}
	i.keys = []*key{newKey(i.seed, 0)}
	i.ledger = memledger.New(memledger.Config{
		Free: SignupBonus, ServiceKey: ServiceKey, Now: i.now, Generation: i.generation,
	})
	if err := i.net.open(i); err != nil {
		i.fatalf("authtest: %v", err)
	}
	return i
}

// URL is the base URL, without a path: client.Config.URL or
// MANA_CORE_AUTH_URL. It stays the same for the issuer's life.
func (i *Issuer) URL() string { return i.net.url }

// HTTPClient reaches the issuer, with TLS or without. It follows redirects and
// has no timeout.
func (i *Issuer) HTTPClient() *http.Client { return i.net.client }

// Close ends the issuer: what still waits for an answer gets none. A second
// call does nothing.
func (i *Issuer) Close() { i.net.close() }

// Name is the iss of its tokens.
func (i *Issuer) Name() string {
	if i.name == "" && i.generation == wire.Generation2026 {
		return i.net.url
	}
	return cmp.Or(i.name, DefaultName)
}

// Audience is the aud of its tokens.
func (i *Issuer) Audience() string {
	if i.audience == "" && i.generation == wire.Generation2026 {
		return "mana"
	}
	return cmp.Or(i.audience, DefaultName)
}

// Clock is the clock the issuer runs on. Give it to the client under test: it
// may be nil, and a nil *Clock is the real time.
func (i *Issuer) Clock() *Clock { return i.clock }

// Skew sets the issuer's time off its clock by d, ahead where d is positive,
// both for the tokens it mints and for those it judges.
func (i *Issuer) Skew(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.skew = d
}

// MaxAge sets the max-age that the key set is published with, in whole
// seconds.
func (i *Issuer) MaxAge(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.maxAge = d
}

// JWKSRequests counts the requests for the key set so far, unanswered ones
// included.
func (i *Issuer) JWKSRequests() int { return int(i.jwksRequests.Load()) }

// ValidateRequests counts the requests for a verdict so far, unanswered ones
// included.
func (i *Issuer) ValidateRequests() int { return int(i.validateRequests.Load()) }

// RedirectsFollowed counts the requests that came to where the fault
// Redirected points: a client that keeps to the rules leaves it at zero.
func (i *Issuer) RedirectsFollowed() int { return int(i.redirected.Load()) }

// now is the issuer's time.
func (i *Issuer) now() time.Time {
	i.mu.Lock()
	skew := i.skew
	i.mu.Unlock()
	return i.clock.Now().Add(skew)
}
