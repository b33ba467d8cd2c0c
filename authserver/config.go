package authserver

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/keys"
)

// Config says how a server is to run. The zero value is a working one: an
// embedded database in the current directory and the limits of the contract.
type Config struct {
	// DatabaseURL names a PostgreSQL database, empty or of the existing
	// service: postgres://user:password@host:port/database, with the
	// parameters of libpq, pool_max_conns (default 16) and, for a direct
	// connection alone, default_query_exec_mode=cache_statement. Several
	// servers may share one. Empty: the SQLite file at SQLitePath.
	DatabaseURL string
	// SQLitePath is the database file, created with mode 0600 where there is
	// none. Empty: "manacore.db" in the current directory.
	SQLitePath string
	// KeyEncryptionKey, 32 bytes, seals the private signing keys at rest.
	// Empty: the key in the file SQLitePath + ".key", which the first start
	// makes with mode 0600. With DatabaseURL it is required: all servers on a
	// database need the same one.
	KeyEncryptionKey []byte

	// KeyRotation is how often a new signing key takes over: at least 1 h and
	// AccessTokenTTL, at most 366 days. It is published 15 minutes before, and
	// the old one for as long as its tokens live. Zero: 30 days. Negative: only
	// when an operator asks for it.
	KeyRotation time.Duration

	// Issuer and Audience are the iss and aud of access tokens. Empty:
	// "manacore".
	Issuer   string
	Audience string
	// AccessTokenTTL is the life of an access token, at most 24 h. Zero: 15
	// minutes. No access token outlives its session.
	AccessTokenTTL time.Duration
	// RefreshTokenTTL is the life of a refresh token, and so of a session that
	// is not refreshed. Zero: 7 days. At most 366 days.
	RefreshTokenTTL time.Duration
	// RememberMeTTL stands in for RefreshTokenTTL where a login asked to be
	// remembered. Zero: 30 days, or RefreshTokenTTL if that is longer.
	RememberMeTTL time.Duration
	// SessionTTL is the life of a session from its login, however often it is
	// refreshed. Zero: 180 days, or RememberMeTTL if that is longer. At most
	// 3660 days.
	SessionTTL time.Duration
	// SessionRetention is how long a session is kept after its end, by expiry
	// or revocation, with its refresh tokens, IP address and user agent: at
	// least 24 h, at most 3660 days. It is deleted within the hour that follows;
	// its refresh tokens are unknown from then on. In a database of the existing
	// service that holds for the sessions of that one too. Zero: 30 days.
	// Negative: for ever.
	SessionRetention time.Duration
	// RefreshGrace is how long a spent refresh token still yields its
	// successor, as long as that one is unused. Zero: 30 s. Negative: not at
	// all, so that a lost answer costs the session. At most 10 minutes.
	RefreshGrace time.Duration
	// PasswordMinLength is the least number of characters of a password at
	// registration, 8 to 128. Zero: 8.
	PasswordMinLength int

	// CORSOrigins are the origins, scheme://host[:port], that browsers may
	// call from with credentials. Empty: none.
	CORSOrigins []string
	// TrustedProxies are the peers whose X-Forwarded-For counts. Empty: none,
	// the remote address is that of the connection.
	TrustedProxies []netip.Prefix
	// RateLimits are the limits for one client address.
	RateLimits RateLimits
	// RateLimitDisabled switches every rate limit off: for tests and load
	// runs.
	RateLimitDisabled bool
	// Hashing bounds the work on passwords.
	Hashing Hashing

	// Credits says what users are given.
	Credits Credits
	// ServiceKey is a key that opens the credit routes for every app and
	// operation, beside the keys that an Admin makes for single apps. Empty:
	// there is none.
	ServiceKey string

	// Clock tells the time. Nil: the system's.
	Clock Clock
	// Random is the source of keys, tokens and ids; it must be safe for
	// concurrent use. Nil: crypto/rand.
	Random io.Reader
	// Logger gets the server's log. Nil: slog.Default(). It never gets a
	// token, a password or a request's body or query.
	Logger *slog.Logger
}

// Clock tells the time. AfterFunc calls f on its own goroutine or from
// whatever moves the clock once d has passed; stop says whether it prevented
// the call, as [time.Timer.Stop] does. A clock that jumps over several d calls
// once.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// RateLimits are limits for one client address each; IPv6 addresses count by
// their /64. Token validation, the JWKS and health are never limited.
type RateLimits struct {
	Login    Limit // zero: 5 a minute
	Register Limit // zero: 10 an hour
	Default  Limit // the other routes together. Zero: 100 a minute
}

// Limit allows Requests at once, and as many again evenly over Per.
type Limit struct {
	Requests int
	Per      time.Duration
}

// Hashing bounds the work on passwords: each hash takes a core and 19 MiB.
type Hashing struct {
	// Concurrency is how many are hashed at once. Zero: GOMAXPROCS.
	Concurrency int
	// Queue is how many more requests may wait; the next is answered with
	// 503 and Retry-After. Zero: 128. Negative: none waits.
	Queue int
}

// Credits says what users are given, in free credits, which are spent before
// paid ones.
type Credits struct {
	// SignupBonus is what an account begins with. Zero: 150. Negative: none.
	SignupBonus int64
	// DailyFree is what an account gets at its first touch on a day (UTC)
	// after that on which it was made. Zero: 5. Negative: none.
	DailyFree int64
	// DailyCap is how many free credits an account may reach by daily ones.
	// Zero: SignupBonus and 30 days of DailyFree.
	DailyCap int64
}

const day = 24 * time.Hour

// withDefaults fills in the zero values and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	c.SQLitePath = cmp.Or(c.SQLitePath, "manacore.db")
	c.Issuer = cmp.Or(c.Issuer, "manacore")
	c.Audience = cmp.Or(c.Audience, "manacore")
	c.AccessTokenTTL = cmp.Or(c.AccessTokenTTL, 15*time.Minute)
	c.RefreshTokenTTL = cmp.Or(c.RefreshTokenTTL, 7*day)
	c.RememberMeTTL = cmp.Or(c.RememberMeTTL, max(30*day, c.RefreshTokenTTL))
	c.SessionTTL = cmp.Or(c.SessionTTL, max(180*day, c.RememberMeTTL))
	c.SessionRetention = cmp.Or(c.SessionRetention, 30*day)
	c.RefreshGrace = cmp.Or(c.RefreshGrace, 30*time.Second)
	c.KeyRotation = cmp.Or(c.KeyRotation, 30*day)
	c.PasswordMinLength = cmp.Or(c.PasswordMinLength, 8)
	c.RateLimits.Login = cmp.Or(c.RateLimits.Login, Limit{5, time.Minute})
	c.RateLimits.Register = cmp.Or(c.RateLimits.Register, Limit{10, time.Hour})
	c.RateLimits.Default = cmp.Or(c.RateLimits.Default, Limit{100, time.Minute})
	c.Hashing.Concurrency = cmp.Or(c.Hashing.Concurrency, runtime.GOMAXPROCS(0))
	c.Hashing.Queue = max(cmp.Or(c.Hashing.Queue, 128), 0)
	c.Credits = c.Credits.withDefaults()
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, c.check()
}

func (c Credits) withDefaults() Credits {
	c.SignupBonus = max(cmp.Or(c.SignupBonus, 150), 0)
	c.DailyFree = max(cmp.Or(c.DailyFree, 5), 0)
	if c.DailyCap == 0 && c.SignupBonus <= maxGift && c.DailyFree <= maxGift {
		c.DailyCap = c.SignupBonus + 30*c.DailyFree
	}
	return c
}

// maxGift is the largest of the numbers in Credits.
const maxGift = 1_000_000_000_000

func (c Config) check() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("authserver: "+format, args...))
		}
	}
	require(c.DatabaseURL == "" || len(c.KeyEncryptionKey) > 0,
		"KeyEncryptionKey (KEY_ENCRYPTION_KEY) is required with DatabaseURL: all servers on a database need the same one, and there is no file to keep it in; make one with: openssl rand -base64 32")
	require(len(c.KeyEncryptionKey) == 0 || len(c.KeyEncryptionKey) == keys.KEKBytes,
		"KeyEncryptionKey has %d bytes, not %d", len(c.KeyEncryptionKey), keys.KEKBytes)
	require(c.AccessTokenTTL >= time.Second && c.AccessTokenTTL <= day, "AccessTokenTTL %v is not within 1 s and 24 h", c.AccessTokenTTL)
	require(c.KeyRotation < 0 || c.KeyRotation >= max(time.Hour, c.AccessTokenTTL) && c.KeyRotation <= 366*day,
		"KeyRotation %v is not within 1 h (or AccessTokenTTL, if that is longer) and 366 days", c.KeyRotation)
	require(c.RefreshTokenTTL >= c.AccessTokenTTL && c.RefreshTokenTTL <= 366*day,
		"RefreshTokenTTL %v is not within AccessTokenTTL and 366 days", c.RefreshTokenTTL)
	require(c.RememberMeTTL >= c.RefreshTokenTTL && c.RememberMeTTL <= 366*day,
		"RememberMeTTL %v is not within RefreshTokenTTL and 366 days", c.RememberMeTTL)
	require(c.SessionTTL >= c.RememberMeTTL && c.SessionTTL <= 3660*day,
		"SessionTTL %v is not within RememberMeTTL and 3660 days", c.SessionTTL)
	require(c.SessionRetention < 0 || c.SessionRetention >= day && c.SessionRetention <= 3660*day,
		"SessionRetention %v is not within 24 h and 3660 days", c.SessionRetention)
	require(c.RefreshGrace <= 10*time.Minute, "RefreshGrace %v is over 10 minutes", c.RefreshGrace)
	require(c.PasswordMinLength >= 8 && c.PasswordMinLength <= form.MaxPassword,
		"PasswordMinLength %d is not within 8 and %d", c.PasswordMinLength, form.MaxPassword)
	require(c.Hashing.Concurrency > 0, "Hashing.Concurrency %d is negative", c.Hashing.Concurrency)
	for _, l := range []Limit{c.RateLimits.Login, c.RateLimits.Register, c.RateLimits.Default} {
		require(l.Requests > 0 && l.Per > 0, "rate limit of %d requests per %v: both must be above zero", l.Requests, l.Per)
	}
	for _, n := range []int64{c.Credits.SignupBonus, c.Credits.DailyFree, c.Credits.DailyCap} {
		require(n >= 0 && n <= 31*maxGift, "Credits: %d is not within 0 and %d", n, int64(maxGift))
	}
	for _, origin := range c.CORSOrigins {
		require(isOrigin(origin), "CORS origin %q is not of the form scheme://host[:port]", origin)
	}
	return errors.Join(errs...)
}

// isOrigin takes plain origins alone. A wildcard would hand every page of a
// domain, or of the web, its visitors' tokens.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && !strings.Contains(s, "*") && s == u.Scheme+"://"+u.Host
}
