package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/internal/env"
)

// settings are what the environment configures.
type settings struct {
	port   int    // 0: a free one
	listen string // host; empty: every address of the machine
	drain  time.Duration
	// connections and perAddress bound the open connections, in all and of one
	// address. 0: as bounds says.
	connections, perAddress int
	metrics                 string // address; empty: on the port, for this machine; metricsOff: nowhere
	server                  authserver.Config
	// The key-encryption keys of single commands.
	importKEK, newKEK []byte
	// production is whether NODE_ENV is production. Settings for tests are refused
	// there.
	production bool
}

// metricsOff is the value of METRICS_ADDR for no metrics.
const metricsOff = "off"

// variable is an environment variable. set is called only with a value that is not
// empty.
type variable struct {
	name, usage, preset string
	set                 func(s *settings, value string) error
}

var variables = []variable{
	{"PORT", "TCP port to listen on; 0 takes a free one", "3001", func(s *settings, v string) (err error) {
		s.port, err = integer(v, 0, 65535)
		return err
	}},
	{"LISTEN_ADDR", "IP address to listen on, without a port, such as 0.0.0.0 for every IPv4 address of the machine or :: for every address", "127.0.0.1; with NODE_ENV=production ::", func(s *settings, v string) (err error) {
		s.listen, err = listenHost(v)
		return err
	}},
	{"DRAIN_TIME", "how long the server goes on answering after SIGTERM while it says that it is not ready, such as 10s; off: not at all", "off; with NODE_ENV=production 5s", func(s *settings, v string) (err error) {
		s.drain, err = durationOrOff(v)
		return err
	}},
	{"DATABASE_URL", "PostgreSQL URL, such as postgres://user:password@host:5432/mana; several servers may share it; unset: the SQLite file", "", func(s *settings, v string) error {
		s.server.Database.URL = v
		return nil
	}},
	{"SQLITE_PATH", "the SQLite file, made where there is none", "./manacore.db", func(s *settings, v string) error {
		s.server.Database.SQLitePath = v
		return nil
	}},
	{"KEY_ENCRYPTION_KEY", "32 bytes in base64 that seal the signing keys at rest; required with DATABASE_URL; unset: the file SQLITE_PATH.key, made at the first start", "", func(s *settings, v string) (err error) {
		s.server.Keys.EncryptionKey, err = encryptionKey(v)
		return err
	}},
	{"NEW_KEY_ENCRYPTION_KEY", "the new key-encryption key for keys reseal, 32 bytes in base64", "", func(s *settings, v string) (err error) {
		s.newKEK, err = encryptionKey(v)
		return err
	}},
	{"IMPORT_KEY_ENCRYPTION_KEY", "the key-encryption key that sealed the file, for keys import, 32 bytes in base64; unset: KEY_ENCRYPTION_KEY", "", func(s *settings, v string) (err error) {
		s.importKEK, err = encryptionKey(v)
		return err
	}},
	{"KEY_ROTATION", "how often a new signing key takes over, such as 30d; off: only when an operator asks for it", "30d", func(s *settings, v string) (err error) {
		s.server.Keys.Rotation, err = durationOrOff(v)
		return err
	}},
	{"BASE_URL", "URL at which clients reach the server, such as https://auth.example.com", "", func(s *settings, v string) error {
		s.server.HTTP.BaseURL = v
		return nil
	}},
	{"WIRE_GENERATION", "2025 or 2026: whose way the server takes where two generations of clients want different things; check prints what that is", "2025", func(s *settings, v string) error {
		s.server.WireGeneration = v
		return nil
	}},
	{"JWT_ISSUER", "iss of the access tokens", "manacore; with WIRE_GENERATION=2026 BASE_URL", func(s *settings, v string) (err error) {
		s.server.Tokens.Issuer, err = name(v)
		return err
	}},
	{"JWT_AUDIENCE", "aud of the access tokens", "manacore; with WIRE_GENERATION=2026 mana", func(s *settings, v string) (err error) {
		s.server.Tokens.Audience, err = name(v)
		return err
	}},
	{"JWT_ACCESS_TOKEN_EXPIRY", "life of an access token, such as 15m", "15m", func(s *settings, v string) (err error) {
		s.server.Tokens.AccessTTL, err = duration(v)
		return err
	}},
	{"JWT_REFRESH_TOKEN_EXPIRY", "life of a refresh token, such as 7d", "7d", func(s *settings, v string) (err error) {
		s.server.Sessions.RefreshTTL, err = duration(v)
		return err
	}},
	{"SESSION_TTL", "life of a session from its login, however often it is refreshed, such as 90d", "180d", func(s *settings, v string) (err error) {
		s.server.Sessions.TTL, err = duration(v)
		return err
	}},
	{"SESSION_RETENTION", "how long a session is kept after its end, with its IP address, such as 30d; off: for ever", "30d", func(s *settings, v string) (err error) {
		s.server.Sessions.Retention, err = durationOrOff(v)
		return err
	}},
	{"REFRESH_GRACE", "how long a spent refresh token still yields its successor, at most 10m; off: not at all", "30s", func(s *settings, v string) (err error) {
		s.server.Sessions.RefreshGrace, err = durationOrOff(v)
		return err
	}},
	{"SESSIONS_PER_USER", "live sessions that a user may have; one more ends the one that is idle longest; off: any number", "100", func(s *settings, v string) (err error) {
		if v == "off" {
			s.server.Sessions.MaxPerUser = -1
			return nil
		}
		s.server.Sessions.MaxPerUser, err = integer(v, 1, 100_000)
		return err
	}},
	{"CORS_ORIGINS", "origins that browsers may call from, comma-separated", "none", func(s *settings, v string) error {
		s.server.HTTP.CORSOrigins = list(v)
		return nil
	}},
	{"TRUSTED_PROXIES", "networks whose X-Forwarded-For counts, comma-separated, such as 10.0.0.0/8", "none", func(s *settings, v string) (err error) {
		s.server.HTTP.TrustedProxies, err = networks(v)
		return err
	}},
	{"MAX_CONNECTIONS", "open connections in all, beside those of TRUSTED_PROXIES; those that wait for a request make room for new ones", "10000, or 256 less than the files that the process may open", func(s *settings, v string) (err error) {
		s.connections, err = integer(v, 1, 1_000_000)
		return err
	}},
	{"MAX_CONNECTIONS_PER_ADDRESS", "open connections from one address, beside those of TRUSTED_PROXIES", "256", func(s *settings, v string) (err error) {
		s.perAddress, err = integer(v, 1, 1_000_000)
		return err
	}},
	{"REVOCATIONS_ACCESS", "who may follow the feed of revocations: anyone, or service-key: those with a service key or of REVOCATIONS_TRUSTED", "anyone", func(s *settings, v string) error {
		if v != "anyone" && v != "service-key" {
			return fmt.Errorf("%q is neither anyone nor service-key", v)
		}
		s.server.Feed.ServiceKeyRequired = v == "service-key"
		return nil
	}},
	{"REVOCATIONS_TRUSTED", "networks whose callers follow the feed of revocations as those with a service key do, comma-separated", "none", func(s *settings, v string) (err error) {
		s.server.Feed.Trusted, err = networks(v)
		return err
	}},
	{"REVOCATIONS_STREAMS", "streams of the feed of revocations at once, at most half of them of callers without a service key and of other networks than REVOCATIONS_TRUSTED", "4096", func(s *settings, v string) (err error) {
		s.server.Feed.Streams, err = integer(v, 2, 1_000_000)
		return err
	}},
	{"RATE_LIMIT_TTL", "seconds over which RATE_LIMIT_MAX counts", "60", func(s *settings, v string) error {
		seconds, err := integer(v, 1, 86400)
		s.server.HTTP.RateLimits.Default.Per = time.Duration(seconds) * time.Second
		return err
	}},
	{"RATE_LIMIT_MAX", "requests from one address, or of one user who is logged in, in RATE_LIMIT_TTL, beside the limits of login and registration", "100", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimits.Default.Requests, err = integer(v, 1, 1_000_000)
		return err
	}},
	{"RATE_LIMIT_LOGIN", "logins from one address, good and bad, as 300/1m; wrong passwords have limits of their own", "300/1m", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimits.Login, err = rateLimit(v)
		return err
	}},
	{"RATE_LIMIT_REGISTER", "registrations from one address, as 10/1h", "10/1h", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimits.Register, err = rateLimit(v)
		return err
	}},
	{"RATE_LIMIT_HEAVY", "validations from one address whose body is over 16 KiB or invalid, and revocation feeds begun from it without a service key, as 60/1m; they get 503 beyond it", "60/1m", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimits.Heavy, err = rateLimit(v)
		return err
	}},
	{"RATE_LIMIT_SERVICE", "requests with the service key of one app, as 10000/1m", "no limit", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimits.Service, err = rateLimit(v)
		return err
	}},
	{"RATE_LIMIT_DISABLED", "true switches every limit off, for tests and load runs; refused with NODE_ENV=production", "false", func(s *settings, v string) (err error) {
		s.server.HTTP.RateLimitsDisabled, err = strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}},
	{"CREDITS_SIGNUP_BONUS", "free credits that a user begins with", "150", func(s *settings, v string) (err error) {
		s.server.Credits.SignupBonus, err = gift(v)
		return err
	}},
	{"CREDITS_DAILY_FREE", "free credits that a user gets on each day (UTC) of use", "5", func(s *settings, v string) (err error) {
		s.server.Credits.DailyFree, err = gift(v)
		return err
	}},
	{"MANA_CORE_SERVICE_KEY", "a key of at least 32 characters that opens the credit routes for every app, also as MANA_SERVICE_KEY or SERVICE_KEY; better: one for each app", "none", func(s *settings, v string) error {
		s.server.Credits.ServiceKey = v
		return nil
	}},
	{"MANA_CORE_SERVICE_KEY_OPERATIONS", "what MANA_CORE_SERVICE_KEY allows, comma-separated: balance, init, use, refund, reserve, commit, refund-reservation, transactions, usage, grant", "all but grant", func(s *settings, v string) error {
		s.server.Credits.ServiceKeyOperations = list(v)
		return nil
	}},
	{"METRICS_ADDR", "host:port that serves /metrics to everybody who reaches it, such as 127.0.0.1:9464; off: nowhere; unset: on PORT, to programs on this machine alone, where the server listens to no other machine and TRUSTED_PROXIES is unset", "", func(s *settings, v string) error {
		if _, _, err := net.SplitHostPort(v); err != nil && v != metricsOff {
			return fmt.Errorf("%q is neither host:port nor %s", v, metricsOff)
		}
		s.metrics = v
		return nil
	}},
	{"NODE_ENV", "production, development or test; production refuses what is for tests alone", "", func(s *settings, v string) error {
		if v != "production" && v != "development" && v != "test" {
			return fmt.Errorf("%q is none of production, development and test", v)
		}
		s.production = v == "production"
		return nil
	}},
}

// secrets are the variables whose values stay out of errors.
var secrets = map[string]bool{"DATABASE_URL": true, "KEY_ENCRYPTION_KEY": true, "NEW_KEY_ENCRYPTION_KEY": true, "IMPORT_KEY_ENCRYPTION_KEY": true, "MANA_CORE_SERVICE_KEY": true}

// newerNames are further names of a variable, the newest first. Names that hold
// different values are an error.
var newerNames = map[string][]string{"MANA_CORE_SERVICE_KEY": {"MANA_SERVICE_KEY", "SERVICE_KEY"}}

// fromEnv reads the environment through getenv, by the rules of package env: an
// empty variable counts as unset, the white space around a value does not count,
// since a mounted secret ends in a line feed, and quotes around it are an error.
func fromEnv(getenv func(string) string) (settings, error) {
	s := settings{port: 3001}
	s.server.HTTP.RateLimits.Default = authserver.Limit{Requests: 100, Per: time.Minute}
	reader := env.Reader{Getenv: getenv}
	var errs []error
	for _, v := range variables {
		read := reader.String
		if secrets[v.name] {
			read = reader.Secret
		}
		if value := read(append(slices.Clone(newerNames[v.name]), v.name)...); value != "" {
			if err := v.set(&s, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", v.name, err))
			}
		}
	}
	s = s.withDefaults()
	if s.server.HTTP.RateLimitsDisabled && s.production {
		errs = append(errs, errors.New("RATE_LIMIT_DISABLED: refused with NODE_ENV=production"))
	}
	return s, errors.Join(reader.Err(), errors.Join(errs...))
}

// withDefaults fills in what depends on NODE_ENV. Outside production the server
// listens on loopback only, and has no load balancer that has to see that it is
// about to end.
func (s settings) withDefaults() settings {
	switch {
	case s.listen != "":
	case s.production:
		s.listen = "::"
	default:
		s.listen = "127.0.0.1"
	}
	switch {
	case s.drain < 0:
		s.drain = 0
	case s.drain == 0 && s.production:
		s.drain = 5 * time.Second
	}
	return s
}

// listenHost reads an address to listen on.
func listenHost(v string) (string, error) {
	addr, err := netip.ParseAddr(strings.Trim(v, "[]"))
	if err != nil {
		return "", fmt.Errorf("%q is not an IP address such as 127.0.0.1, 0.0.0.0 or ::, and without a port, which PORT sets", v)
	}
	return addr.String(), nil
}

// metricsOnPort reports whether PORT serves the metrics: only where no other
// machine and no proxy reaches the server. Whether a request came through a
// proxy cannot be told from its headers.
func (s settings) metricsOnPort() bool {
	addr, err := netip.ParseAddr(s.listen)
	return s.metrics == "" && err == nil && addr.IsLoopback() && len(s.server.HTTP.TrustedProxies) == 0
}

// encryptionKey reads a key-encryption key. The error is without the value, which
// is a secret.
func encryptionKey(v string) ([]byte, error) {
	kek, err := base64.StdEncoding.DecodeString(v)
	if err != nil || len(kek) != 32 {
		return nil, errors.New("not 32 bytes in base64; make one with: openssl rand -base64 32")
	}
	return kek, nil
}

// name reads an issuer or an audience. Backends share the variable and accept a
// list, but a server signs with one name.
func name(v string) (string, error) {
	if strings.Contains(v, ",") {
		return "", fmt.Errorf("%q is a list: the server signs with one name", v)
	}
	return v, nil
}

func integer(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", v, least, most)
	}
	return n, nil
}

// rateLimit reads a limit such as 300/1m.
func rateLimit(v string) (authserver.Limit, error) {
	requests, per, _ := strings.Cut(v, "/")
	n, err := integer(requests, 1, 1_000_000)
	if err == nil {
		var d time.Duration
		if d, err = duration(per); err == nil {
			return authserver.Limit{Requests: n, Per: d}, nil
		}
	}
	return authserver.Limit{}, fmt.Errorf("%q is not a number of requests and a duration such as 300/1m", v)
}

// gift reads a number of credits. It returns -1 for 0, because 0 in Config means
// the default.
func gift(v string) (int64, error) {
	n, err := integer(v, 0, 1_000_000_000)
	if n == 0 {
		n = -1
	}
	return int64(n), err
}

// duration reads a Go duration, or days as in 7d. A bare number is refused:
// programs that share these variables disagree on its unit.
func duration(v string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 3660 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(v); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a duration such as 15m, 12h or 7d", v)
}

// durationOrOff reads a duration, or "off" as a negative one.
func durationOrOff(v string) (time.Duration, error) {
	if v == "off" {
		return -1, nil
	}
	return duration(v)
}

// networks reads a list of networks.
func networks(v string) (all []netip.Prefix, err error) {
	for _, network := range list(v) {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", network)
		}
		if prefix.Addr().Is4In6() && prefix.Bits() >= 96 { // addresses are compared as IPv4
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

func list(v string) []string {
	var items []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// printVariables says what the environment configures.
func printVariables(out io.Writer) error {
	var b strings.Builder
	b.WriteString("\nThe environment configures every command; white space around a value does not\ncount, quotes around it are an error, and an empty variable counts as unset:\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "  %s\n      %s", v.name, v.usage)
		if v.preset != "" {
			fmt.Fprintf(&b, " (default %s)", v.preset)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return err
}
