package authserver

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"time"
	"unicode/utf8"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/internal/wire"
)

// Config says how a server is to run. The zero value is a working one: an
// embedded database in the current directory and the default limits.
type Config struct {
	Database  Database
	Tokens    Tokens
	Sessions  Sessions
	Passwords Passwords
	Keys      Keys
	HTTP      HTTP
	Credits   Credits
	Feed      Feed

	// WireGeneration is the generation of clients, "2025" or "2026", that decides
	// where the two need different answers. What can serve both is always served,
	// and the tokens of both are read. Empty means "2025".
	WireGeneration string

	// Clock tells the time. Nil means the system's.
	Clock Clock
	// Random is the source of keys, tokens and ids; it must be safe for
	// concurrent use. Nil means crypto/rand.
	Random io.Reader
	// Logger gets the server's log. Nil means slog.Default(). It never gets a
	// token, a password or a request's body or query.
	Logger *slog.Logger
}

// Database says where everything is kept.
type Database struct {
	// URL names a PostgreSQL database, empty or of the existing service:
	// postgres://user:password@host:port/database, with the parameters of
	// libpq, pool_max_conns (default 16) and default_query_exec_mode (default:
	// cache_statement on a direct connection, cache_describe behind a pooler).
	// Several servers may share one. Empty means the SQLite file at SQLitePath.
	URL string
	// SQLitePath is the database file, which is created with mode 0600 where it
	// is missing. Empty means "manacore.db" in the current directory.
	SQLitePath string
}

// Tokens says what access tokens hold and how long they live.
type Tokens struct {
	// Issuer and Audience are the iss and aud (RFC 7519 section 4.1). Empty
	// means "manacore"; with WireGeneration "2026" it means HTTP.BaseURL, if
	// there is one, and "mana".
	Issuer   string
	Audience string
	// AccessTTL is the life of an access token, from 1 s to 24 h. Zero means 15
	// minutes. No access token outlives its session.
	AccessTTL time.Duration
}

// Sessions says how long sessions and their refresh tokens live.
type Sessions struct {
	// RefreshTTL is the life of a refresh token, and so of a session that is
	// not refreshed. It is at least Tokens.AccessTTL and at most 366 days.
	// Zero means 7 days.
	RefreshTTL time.Duration
	// RememberMeTTL is used in place of RefreshTTL where a login asked to be
	// remembered. It is at least RefreshTTL and at most 366 days. Zero means 30
	// days, or RefreshTTL if that is longer.
	RememberMeTTL time.Duration
	// TTL is the life of a session from its login, however often it is
	// refreshed. It is at least RememberMeTTL and at most 3660 days. Zero means
	// 180 days, or RememberMeTTL if that is longer.
	TTL time.Duration
	// Retention is how long a session is kept after its expiry or revocation,
	// with its refresh tokens, IP address and user agent. It is at least 24 h
	// and at most 3660 days. The session is deleted within the hour that
	// follows, and its refresh tokens are unknown from then on. This holds for
	// the sessions of the existing service too. Zero means 30 days. A negative
	// value means for ever.
	Retention time.Duration
	// RefreshGrace is how long a spent refresh token still yields its
	// successor, as long as the successor is unused. It is at most 10 minutes.
	// Zero means 30 s. A negative value means not at all, so that a lost answer
	// costs the session.
	RefreshGrace time.Duration
	// MaxPerUser is how many live sessions a user may have. The login that
	// exceeds it ends the session that is idle longest, and the user's security
	// log says so. Zero means 100. A negative value means any number.
	MaxPerUser int
}

// Passwords says which passwords are accepted and bounds the work on them. Each
// hash takes a core and 19 MiB.
type Passwords struct {
	// MinLength is the least number of characters of a new password, from 8 to
	// 128. Zero means 8.
	MinLength int
	// ServiceNames are what users call the service. A new password must contain
	// none of them, neither "manacore" nor the part of the e-mail address before
	// the @, and must not be a very common one. Names of fewer than four
	// characters do not count. Empty means none.
	ServiceNames []string
	// Concurrency is how many passwords are hashed at once. One place is kept for
	// known devices, if there is more than one, so that a flood of strangers'
	// logins leaves a core to everything else. Zero means GOMAXPROCS.
	Concurrency int
	// Queue is how many more requests may wait, and as many again from devices
	// that are known. Addresses and accounts take turns. Who finds no room, or
	// would wait for longer than 5 s, is answered with 503 and Retry-After. Zero
	// means 128. A negative value means that no request waits.
	Queue int
}

// Keys says how the signing keys are kept and replaced.
type Keys struct {
	// EncryptionKey, 32 bytes, seals the private signing keys at rest. Empty
	// means the key in the file Database.SQLitePath + ".key", which the first
	// start makes with mode 0600. With Database.URL it is required, because all
	// servers on a database need the same one.
	EncryptionKey []byte
	// Rotation is how often a new signing key begins to sign. It is at least 1 h
	// and Tokens.AccessTTL, and at most 366 days. A key is published 15 minutes
	// before it signs, and for as long as its tokens live. Zero means 30 days. A
	// negative value means that keys are replaced only when an operator asks
	// for it.
	Rotation time.Duration
}

// HTTP says who may call, and how often.
type HTTP struct {
	// BaseURL is where clients reach the server, such as
	// https://auth.example.com. Empty means that it is not known.
	BaseURL string
	// CORSOrigins are the origins, scheme://host[:port], that browsers may
	// call from with credentials. Empty means none.
	CORSOrigins []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed. Empty
	// means none, and the remote address is that of the connection.
	TrustedProxies []netip.Prefix
	// RateLimits are the limits for one client address.
	RateLimits RateLimits
	// RateLimitsDisabled switches every rate limit off, for tests and load runs.
	RateLimitsDisabled bool
}

// RateLimits limit each client by itself: the user where a request has a valid
// access token, the app where it has a valid service key, and else the address,
// of IPv6 the /64. The JWKS, health and valid requests for a validation of at most
// 16 KiB are never limited.
type RateLimits struct {
	// Login is for logins, good and bad. It is generous, because the users of an
	// office share an address; wrong passwords have limits of their own, which
	// are not configured. Zero means 300 a minute.
	Login    Limit
	Register Limit // zero means 10 an hour
	Default  Limit // the other routes together; zero means 100 a minute
	// Heavy is for validations whose body is larger than 16 KiB or invalid, and
	// for callers without a service key who begin the revocation feed from
	// nothing. Beyond it they are answered with 503. Zero means 60 a minute.
	Heavy Limit
	// Service is for the requests of an app's services. Zero means no limit.
	Service Limit
}

// Limit is a token bucket: it holds Requests tokens and is refilled evenly with as
// many in each Per.
type Limit struct {
	Requests int
	Per      time.Duration
}

// Credits says which free credits users are given, which are spent before paid
// ones, and which service key is for every app.
type Credits struct {
	// SignupBonus is what an account begins with. Zero means 150, a negative
	// number none.
	SignupBonus int64
	// DailyFree is what an account gets with its first operation on a day (UTC)
	// after that on which it was made. Zero means 5, a negative number none.
	DailyFree int64
	// DailyCap is how many free credits an account may reach by daily ones.
	// Zero means SignupBonus and 30 days of DailyFree.
	DailyCap int64
	// ServiceKey is a key that opens the credit routes for every app, in addition
	// to the keys that an Admin makes for single apps. It has at least 32
	// characters. Empty means that there is no such key.
	ServiceKey string
	// ServiceKeyOperations is what ServiceKey allows, of ServiceOperations.
	// Empty means all but grant, which makes credits out of nothing.
	ServiceKeyOperations []string
}

// Feed says who may follow the feed of revocations, by which backends that verify
// tokens themselves learn of ended sessions.
type Feed struct {
	// ServiceKeyRequired refuses callers that have no service key and are in
	// none of the Trusted networks. They would learn how many sessions end and
	// when, not whose.
	ServiceKeyRequired bool
	// Trusted are networks whose callers need no service key.
	Trusted []netip.Prefix
	// Streams is how many streams there are at most. Zero means 4096. Callers without
	// a service key, of other networks than Trusted, have at most half of them.
	Streams int
}

// Clock tells the time. AfterFunc calls f once when d has passed, on a goroutine
// of its own or on the one that moves the clock; stop reports whether it
// prevented the call, as [time.Timer.Stop] does.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

const day = 24 * time.Hour

// withDefaults fills in the zero values and refuses what cannot work.
func (c Config) withDefaults() (Config, error) {
	c.Database.SQLitePath = cmp.Or(c.Database.SQLitePath, "manacore.db")
	c.WireGeneration = cmp.Or(c.WireGeneration, string(wire.Generation2025))
	c.Tokens.AccessTTL = cmp.Or(c.Tokens.AccessTTL, 15*time.Minute)
	c.Sessions.RefreshTTL = cmp.Or(c.Sessions.RefreshTTL, 7*day)
	c.Sessions.RememberMeTTL = cmp.Or(c.Sessions.RememberMeTTL, max(30*day, c.Sessions.RefreshTTL))
	c.Sessions.TTL = cmp.Or(c.Sessions.TTL, max(180*day, c.Sessions.RememberMeTTL))
	c.Sessions.Retention = cmp.Or(c.Sessions.Retention, 30*day)
	c.Sessions.RefreshGrace = cmp.Or(c.Sessions.RefreshGrace, 30*time.Second)
	c.Sessions.MaxPerUser = cmp.Or(c.Sessions.MaxPerUser, 100)
	c.Keys.Rotation = cmp.Or(c.Keys.Rotation, 30*day)
	c.Passwords.MinLength = cmp.Or(c.Passwords.MinLength, 8)
	c.HTTP.RateLimits.Login = cmp.Or(c.HTTP.RateLimits.Login, Limit{300, time.Minute})
	c.HTTP.RateLimits.Register = cmp.Or(c.HTTP.RateLimits.Register, Limit{10, time.Hour})
	c.HTTP.RateLimits.Default = cmp.Or(c.HTTP.RateLimits.Default, Limit{100, time.Minute})
	c.HTTP.RateLimits.Heavy = cmp.Or(c.HTTP.RateLimits.Heavy, Limit{60, time.Minute})
	c.Passwords.Concurrency = cmp.Or(c.Passwords.Concurrency, runtime.GOMAXPROCS(0))
	c.Passwords.Queue = max(cmp.Or(c.Passwords.Queue, 128), 0)
	c.Credits = c.Credits.withDefaults()
	c.Feed.Streams = cmp.Or(c.Feed.Streams, 4096)
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	var err error
	if c.HTTP.BaseURL != "" {
		if c.HTTP.BaseURL, err = baseURL(c.HTTP.BaseURL); err != nil {
			err = fmt.Errorf("authserver: HTTP.BaseURL (BASE_URL) %w", err)
		}
	}
	c.Tokens.Issuer, c.Tokens.Audience = wire.Generation(c.WireGeneration).Names(c.Tokens.Issuer, c.Tokens.Audience, c.HTTP.BaseURL)
	origins, wrong := origins(c.HTTP.CORSOrigins)
	c.HTTP.CORSOrigins = origins
	return c, errors.Join(err, wrong, c.check())
}

// origins are the allowed origins as browsers spell them.
func origins(configured []string) ([]string, error) {
	var (
		spelled []string
		errs    []error
	)
	for _, origin := range configured {
		one, err := form.Origin(origin)
		if err != nil {
			errs = append(errs, fmt.Errorf("authserver: CORS origin %q %w", origin, err))
			continue
		}
		spelled = append(spelled, one)
	}
	return spelled, errors.Join(errs...)
}

func (c Credits) withDefaults() Credits {
	c.SignupBonus = max(cmp.Or(c.SignupBonus, 150), 0)
	c.DailyFree = max(cmp.Or(c.DailyFree, 5), 0)
	if c.DailyCap == 0 && c.SignupBonus <= maxGift && c.DailyFree <= maxGift {
		c.DailyCap = c.SignupBonus + 30*c.DailyFree
	}
	return c
}

// maxGift is the largest sign-up bonus and the largest daily gift. By them the
// largest DailyCap is 31 times that.
const maxGift = 1_000_000_000_000

func (c Config) check() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("authserver: "+format, args...))
		}
	}
	require(c.Database.URL == "" || len(c.Keys.EncryptionKey) > 0,
		"Keys.EncryptionKey (KEY_ENCRYPTION_KEY) is required with Database.URL: all servers on a database need the same one, and there is no file to keep it in; make one with: openssl rand -base64 32")
	require(len(c.Keys.EncryptionKey) == 0 || len(c.Keys.EncryptionKey) == keys.KEKBytes,
		"Keys.EncryptionKey (KEY_ENCRYPTION_KEY) has %d bytes, not %d", len(c.Keys.EncryptionKey), keys.KEKBytes)
	require(c.Feed.Streams >= 2 && c.Feed.Streams <= 1_000_000, "Feed.Streams (REVOCATIONS_STREAMS) %d is not within 2 and 1000000", c.Feed.Streams)
	require(c.Tokens.AccessTTL >= time.Second && c.Tokens.AccessTTL <= day, "Tokens.AccessTTL (JWT_ACCESS_TOKEN_EXPIRY) %v is not within 1 s and 24 h", c.Tokens.AccessTTL)
	require(c.Keys.Rotation < 0 || c.Keys.Rotation >= max(time.Hour, c.Tokens.AccessTTL) && c.Keys.Rotation <= 366*day,
		"Keys.Rotation (KEY_ROTATION) %v is not within %v and 366 days", c.Keys.Rotation, max(time.Hour, c.Tokens.AccessTTL))
	require(c.Sessions.RefreshTTL >= c.Tokens.AccessTTL && c.Sessions.RefreshTTL <= 366*day,
		"Sessions.RefreshTTL (JWT_REFRESH_TOKEN_EXPIRY) %v is not within the life of an access token, %v, and 366 days", c.Sessions.RefreshTTL, c.Tokens.AccessTTL)
	require(c.Sessions.RememberMeTTL >= c.Sessions.RefreshTTL && c.Sessions.RememberMeTTL <= 366*day,
		"Sessions.RememberMeTTL %v is not within Sessions.RefreshTTL (JWT_REFRESH_TOKEN_EXPIRY), %v, and 366 days", c.Sessions.RememberMeTTL, c.Sessions.RefreshTTL)
	require(c.Sessions.TTL >= c.Sessions.RememberMeTTL && c.Sessions.TTL <= 3660*day,
		"Sessions.TTL (SESSION_TTL) %v is not within the life of a remembered session that is not refreshed, %v, and 3660 days", c.Sessions.TTL, c.Sessions.RememberMeTTL)
	require(c.Sessions.Retention < 0 || c.Sessions.Retention >= day && c.Sessions.Retention <= 3660*day,
		"Sessions.Retention (SESSION_RETENTION) %v is not within 24 h and 3660 days", c.Sessions.Retention)
	require(c.Sessions.RefreshGrace <= 10*time.Minute, "Sessions.RefreshGrace (REFRESH_GRACE) %v is over 10 minutes", c.Sessions.RefreshGrace)
	require(c.Passwords.MinLength >= 8 && c.Passwords.MinLength <= form.MaxPassword,
		"Passwords.MinLength %d is not within 8 and %d", c.Passwords.MinLength, form.MaxPassword)
	require(c.Passwords.Concurrency > 0, "Passwords.Concurrency %d is negative", c.Passwords.Concurrency)
	for _, l := range []struct {
		name string
		Limit
	}{
		{"Login (RATE_LIMIT_LOGIN)", c.HTTP.RateLimits.Login}, {"Register (RATE_LIMIT_REGISTER)", c.HTTP.RateLimits.Register},
		{"Default (RATE_LIMIT_MAX, RATE_LIMIT_TTL)", c.HTTP.RateLimits.Default}, {"Heavy (RATE_LIMIT_HEAVY)", c.HTTP.RateLimits.Heavy},
		{"Service (RATE_LIMIT_SERVICE)", cmp.Or(c.HTTP.RateLimits.Service, Limit{1, 1})},
	} {
		require(l.Requests > 0 && l.Per > 0, "HTTP.RateLimits.%s allows %d requests per %v: both must be above zero", l.name, l.Requests, l.Per)
	}
	for _, n := range []struct {
		name       string
		gift, most int64
	}{
		{"SignupBonus (CREDITS_SIGNUP_BONUS)", c.Credits.SignupBonus, maxGift}, {"DailyFree (CREDITS_DAILY_FREE)", c.Credits.DailyFree, maxGift},
		{"DailyCap", c.Credits.DailyCap, 31 * maxGift},
	} {
		require(n.gift >= 0 && n.gift <= n.most, "Credits.%s %d is not within 0 and %d", n.name, n.gift, n.most)
	}
	if n := utf8.RuneCountInString(c.Credits.ServiceKey); n > 0 {
		require(n >= servicekey.MinSingle, "Credits.ServiceKey (MANA_CORE_SERVICE_KEY) has %d characters, fewer than %d: whoever guesses it spends everybody's credits; make one with: openssl rand -base64 32", n, servicekey.MinSingle)
	}
	if err := servicekey.CheckOperations(c.Credits.ServiceKeyOperations); err != nil {
		errs = append(errs, fmt.Errorf("authserver: Credits.ServiceKeyOperations (MANA_CORE_SERVICE_KEY_OPERATIONS): %w", err))
	}
	require(len(c.Credits.ServiceKeyOperations) == 0 || c.Credits.ServiceKey != "",
		"Credits.ServiceKeyOperations (MANA_CORE_SERVICE_KEY_OPERATIONS) is set and Credits.ServiceKey (MANA_CORE_SERVICE_KEY) is not")
	require(wire.Generation(c.WireGeneration).Known(), "WireGeneration (WIRE_GENERATION) %q is neither 2025 nor 2026", c.WireGeneration)
	for _, proxies := range c.HTTP.TrustedProxies {
		require(proxies.IsValid() && !proxies.Addr().Is4In6(), "HTTP.TrustedProxies (TRUSTED_PROXIES): %v never fits: write an IPv4 network as such", proxies)
	}
	return errors.Join(errs...)
}
