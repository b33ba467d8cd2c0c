package main

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/manacore/manacore-go/authserver"
)

func TestFromEnv(t *testing.T) {
	t.Parallel()
	usual := authserver.RateLimits{Default: authserver.Limit{Requests: 100, Per: time.Minute}}
	key := []byte(strings.Repeat("k", 32))
	for _, test := range []struct {
		name string
		env  map[string]string
		want settings
	}{
		{"nothing", nil, settings{port: 3001, listen: "127.0.0.1", server: authserver.Config{HTTP: authserver.HTTP{RateLimits: usual}}}},
		{"empty is unset", map[string]string{"PORT": "", "RATE_LIMIT_MAX": "", "JWT_ISSUER": "", "NODE_ENV": ""},
			settings{port: 3001, listen: "127.0.0.1", server: authserver.Config{HTTP: authserver.HTTP{RateLimits: usual}}}},
		{"rotation off", map[string]string{"KEY_ROTATION": "off"},
			settings{port: 3001, listen: "127.0.0.1", server: authserver.Config{HTTP: authserver.HTTP{RateLimits: usual}, Keys: authserver.Keys{Rotation: -1}}}},
		{"sessions kept for ever", map[string]string{"SESSION_RETENTION": "off"},
			settings{port: 3001, listen: "127.0.0.1", server: authserver.Config{HTTP: authserver.HTTP{RateLimits: usual}, Sessions: authserver.Sessions{Retention: -1}}}},
		{"everything", map[string]string{
			"PORT": "0", "LISTEN_ADDR": "[::1]", "DRAIN_TIME": "3s", "DATABASE_URL": "postgres://db", "SQLITE_PATH": "/data/mana.db",
			"KEY_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString(key),
			"JWT_ISSUER":         "https://auth.example.com", "JWT_AUDIENCE": "mana",
			"JWT_ACCESS_TOKEN_EXPIRY": "5m", "JWT_REFRESH_TOKEN_EXPIRY": "14d",
			"KEY_ROTATION": "90d", "SESSION_RETENTION": "60d", "SESSION_TTL": "365d", "SESSIONS_PER_USER": "7",
			"METRICS_ADDR": "127.0.0.1:9464",
			"CORS_ORIGINS": "https://a.example.com, http://localhost:5173,", "TRUSTED_PROXIES": "10.0.0.7/8",
			"REVOCATIONS_ACCESS": "service-key", "REVOCATIONS_TRUSTED": "10.1.0.0/16", "REVOCATIONS_STREAMS": "10",
			"RATE_LIMIT_TTL": "30", "RATE_LIMIT_MAX": "50", "RATE_LIMIT_DISABLED": "true", "NODE_ENV": "development",
		}, settings{port: 0, listen: "::1", drain: 3 * time.Second, metrics: "127.0.0.1:9464", server: authserver.Config{
			Database: authserver.Database{URL: "postgres://db", SQLitePath: "/data/mana.db"},
			Tokens:   authserver.Tokens{Issuer: "https://auth.example.com", Audience: "mana", AccessTTL: 5 * time.Minute},
			Sessions: authserver.Sessions{RefreshTTL: 14 * 24 * time.Hour, Retention: 60 * 24 * time.Hour, TTL: 365 * 24 * time.Hour, MaxPerUser: 7},
			Keys:     authserver.Keys{EncryptionKey: key, Rotation: 90 * 24 * time.Hour},
			Feed:     authserver.Feed{ServiceKeyRequired: true, Trusted: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Streams: 10},
			HTTP: authserver.HTTP{
				CORSOrigins:        []string{"https://a.example.com", "http://localhost:5173"},
				TrustedProxies:     []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				RateLimits:         authserver.RateLimits{Default: authserver.Limit{Requests: 50, Per: 30 * time.Second}},
				RateLimitsDisabled: true,
			},
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := fromEnv(func(name string) string { return test.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(settings{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromEnvRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, value, want string }{
		{"PORT", "http", `"http" is not a number from 0 to 65535`},
		{"PORT", "65536", "is not a number"},
		{"PORT", "-1", "is not a number"},
		{"JWT_ISSUER", "manacore,other", "is a list"},
		{"JWT_AUDIENCE", "manacore,other", "is a list"},
		{"JWT_ACCESS_TOKEN_EXPIRY", "900", "is not a duration such as"},
		{"JWT_ACCESS_TOKEN_EXPIRY", "-5m", "is not a duration"},
		{"JWT_REFRESH_TOKEN_EXPIRY", "7 d", "is not a duration"},
		{"JWT_REFRESH_TOKEN_EXPIRY", "0d", "is not a duration"},
		{"JWT_REFRESH_TOKEN_EXPIRY", "99999999999999999d", "is not a duration"},
		{"SESSION_RETENTION", "30", "is not a duration"},
		{"TRUSTED_PROXIES", "10.0.0.1", "is not a network"},
		{"REVOCATIONS_TRUSTED", "10.0.0.1", "is not a network"},
		{"REVOCATIONS_ACCESS", "nobody", "neither anyone nor service-key"},
		{"REVOCATIONS_STREAMS", "1", "1"},
		{"RATE_LIMIT_TTL", "0", "is not a number"},
		{"RATE_LIMIT_MAX", "0", "is not a number"},
		{"RATE_LIMIT_DISABLED", "yes", "is neither true nor false"},
		{"LISTEN_ADDR", "localhost", "is not an IP address"},
		{"LISTEN_ADDR", "127.0.0.1:3001", "is not an IP address"},
		{"DRAIN_TIME", "5", "is not a duration"},
		{"NODE_ENV", "Production", "none of production, development and test"},
		{"NODE_ENV", "prod", "none of production, development and test"},
		{"METRICS_ADDR", "9464", "is neither host:port nor off"},
		{"KEY_ENCRYPTION_KEY", "c2VjcmV0", "not 32 bytes in base64"},
		{"KEY_ENCRYPTION_KEY", "secret%", "not 32 bytes in base64"},
	} {
		_, err := fromEnv(func(name string) string { return map[string]string{test.name: test.value}[name] })
		if err == nil || !strings.HasPrefix(err.Error(), test.name+": ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%s: %v, want %q", test.name, test.value, err, test.want)
		}
		if err != nil && test.name == "KEY_ENCRYPTION_KEY" && strings.Contains(err.Error(), test.value) {
			t.Errorf("%s: the error shows the secret", test.name)
		}
	}
}

func TestLimitsInProduction(t *testing.T) {
	t.Parallel()
	for environment, refused := range map[string]bool{
		"production": true, "development": false, "test": false, "": false,
		"production\n": true, " production\r\n": true, "development\n": false,
	} {
		env := map[string]string{"RATE_LIMIT_DISABLED": "true\n", "NODE_ENV": environment}
		_, err := fromEnv(func(name string) string { return env[name] })
		if (err != nil) != refused {
			t.Errorf("NODE_ENV=%q: %v", environment, err)
		}
	}
}

// TestO7White sets each variable with a line feed behind its value, as Docker
// and Kubernetes mount secrets.
func TestO7White(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"PORT": "3002", "LISTEN_ADDR": "0.0.0.0", "DRAIN_TIME": "1s", "DATABASE_URL": "postgres://db", "SQLITE_PATH": "/data/mana.db",
		"KEY_ENCRYPTION_KEY":     base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		"NEW_KEY_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32))), "IMPORT_KEY_ENCRYPTION_KEY": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("i", 32))),
		"KEY_ROTATION": "off", "BASE_URL": "https://auth.example.com", "WIRE_GENERATION": "2026", "JWT_ISSUER": "https://auth.example.com", "JWT_AUDIENCE": "mana",
		"JWT_ACCESS_TOKEN_EXPIRY": "5m", "JWT_REFRESH_TOKEN_EXPIRY": "14d", "SESSION_TTL": "90d", "SESSION_RETENTION": "off", "SESSIONS_PER_USER": "off", "REFRESH_GRACE": "45s",
		"METRICS_ADDR": "off", "CORS_ORIGINS": "https://a.example.com,http://localhost:5173", "TRUSTED_PROXIES": "10.0.0.0/8",
		"REVOCATIONS_ACCESS": "service-key", "REVOCATIONS_TRUSTED": "10.0.0.0/8", "REVOCATIONS_STREAMS": "10",
		"RATE_LIMIT_TTL": "30", "RATE_LIMIT_MAX": "50", "RATE_LIMIT_DISABLED": "false",
		"CREDITS_SIGNUP_BONUS": "1", "CREDITS_DAILY_FREE": "2", "MANA_CORE_SERVICE_KEY": "mana_sk_0123456789abcdef0123456789abcdef", "MANA_CORE_SERVICE_KEY_OPERATIONS": "use,grant",
		"NODE_ENV":        "production",
		"SERVICE_NAMES":   "Picture,Chat",
		"MAX_CONNECTIONS": "100", "MAX_CONNECTIONS_PER_ADDRESS": "10",
		"RATE_LIMIT_LOGIN": "100/1m", "RATE_LIMIT_REGISTER": "20/1h", "RATE_LIMIT_HEAVY": "5/1s", "RATE_LIMIT_SERVICE": "100/1s",
	}
	for _, v := range variables {
		if values[v.name] == "" {
			t.Errorf("no value of %s to try", v.name)
		}
	}
	plain, err := fromEnv(func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	mounted, err := fromEnv(func(name string) string { return " " + values[name] + "\r\n" })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain, mounted, cmp.AllowUnexported(settings{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("white space counts (-plain +mounted):\n%s", diff)
	}
}

func TestO7Quotes(t *testing.T) {
	t.Parallel()
	for _, v := range variables {
		const value = `"hush"`
		_, err := fromEnv(func(name string) string { return map[string]string{v.name: value}[name] })
		if err == nil || !strings.Contains(err.Error(), v.name) || !strings.Contains(err.Error(), "quotes") {
			t.Errorf("%s=%s: %v", v.name, value, err)
		}
		if err != nil && secrets[v.name] && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error shows the secret: %v", v.name, err)
		}
	}
}

// TestO11Listening: no other machine reaches the server unless it is told so,
// and V12: only then does PORT serve the metrics.
func TestO11Listening(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env     map[string]string
		listen  string
		drain   time.Duration
		metrics bool // on PORT
	}{
		"nothing":              {nil, "127.0.0.1", 0, true},
		"development":          {map[string]string{"NODE_ENV": "development"}, "127.0.0.1", 0, true},
		"production":           {map[string]string{"NODE_ENV": "production"}, "::", 5 * time.Second, false},
		"production, loopback": {map[string]string{"NODE_ENV": "production", "LISTEN_ADDR": "::1", "DRAIN_TIME": "off"}, "::1", 0, true},
		"all of IPv4":          {map[string]string{"LISTEN_ADDR": "0.0.0.0"}, "0.0.0.0", 0, false},
		"another address":      {map[string]string{"LISTEN_ADDR": "10.1.2.3"}, "10.1.2.3", 0, false},
		"V12 a proxy":          {map[string]string{"TRUSTED_PROXIES": "127.0.0.0/8"}, "127.0.0.1", 0, false},
		"V12 elsewhere":        {map[string]string{"METRICS_ADDR": "127.0.0.1:9464"}, "127.0.0.1", 0, false},
		"V12 off":              {map[string]string{"METRICS_ADDR": "off"}, "127.0.0.1", 0, false},
	} {
		s, err := fromEnv(func(name string) string { return c.env[name] })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.listen != c.listen || s.drain != c.drain || s.metricsOnPort() != c.metrics {
			t.Errorf("%s: listens on %s, drains for %v, metrics on PORT %v; want %s, %v, %v", name, s.listen, s.drain, s.metricsOnPort(), c.listen, c.drain, c.metrics)
		}
	}
}

// TestNamesOfTheServiceKey: the names of 2026 count, and a conflict is an error
// that shows no secret.
func TestNamesOfTheServiceKey(t *testing.T) {
	t.Parallel()
	const one, other = "key-of-at-least-thirty-two-letters-1", "key-of-at-least-thirty-two-letters-2"
	for name, c := range map[string]struct {
		env  map[string]string
		want string // empty: an error
	}{
		"the older name":         {map[string]string{"MANA_CORE_SERVICE_KEY": one}, one},
		"the newer name":         {map[string]string{"MANA_SERVICE_KEY": one}, one},
		"the short name":         {map[string]string{"SERVICE_KEY": one}, one},
		"all, the same":          {map[string]string{"MANA_SERVICE_KEY": one + "\n", "SERVICE_KEY": one, "MANA_CORE_SERVICE_KEY": one}, one},
		"two that differ":        {map[string]string{"MANA_SERVICE_KEY": one, "MANA_CORE_SERVICE_KEY": other}, ""},
		"two others that differ": {map[string]string{"SERVICE_KEY": other, "MANA_CORE_SERVICE_KEY": one}, ""},
	} {
		s, err := fromEnv(func(name string) string { return c.env[name] })
		if (err == nil) != (c.want != "") || err == nil && s.server.Credits.ServiceKey != c.want {
			t.Errorf("%s: %q, %v", name, s.server.Credits.ServiceKey, err)
		}
		if err != nil && (strings.Contains(err.Error(), one) || strings.Contains(err.Error(), other)) {
			t.Errorf("%s: the error shows a secret", name)
		}
	}
}

// TestV15Limits: every limit has a variable.
func TestV15Limits(t *testing.T) {
	t.Parallel()
	read := func(variable, value string) (authserver.RateLimits, error) {
		s, err := fromEnv(func(name string) string { return map[string]string{variable: value}[name] })
		return s.server.HTTP.RateLimits, err
	}
	for variable, limit := range map[string]func(authserver.RateLimits) authserver.Limit{
		"RATE_LIMIT_LOGIN":    func(r authserver.RateLimits) authserver.Limit { return r.Login },
		"RATE_LIMIT_REGISTER": func(r authserver.RateLimits) authserver.Limit { return r.Register },
		"RATE_LIMIT_SERVICE":  func(r authserver.RateLimits) authserver.Limit { return r.Service },
		"RATE_LIMIT_HEAVY":    func(r authserver.RateLimits) authserver.Limit { return r.Heavy },
	} {
		limits, err := read(variable, "12/1h")
		if want := (authserver.Limit{Requests: 12, Per: time.Hour}); err != nil || limit(limits) != want {
			t.Errorf("%s: %v, %v", variable, limit(limits), err)
		}
		for _, bad := range []string{"12", "12/", "/1m", "0/1m", "12/60", "12/1m/1m", "-1/1m", "12/-1m"} {
			if _, err := read(variable, bad); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("%s=%s: %v", variable, bad, err)
			}
		}
	}
}
