package authserver

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

func TestOpenRefusesConfig(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"PostgreSQL without a key", func(c *Config) { c.Database.URL = "postgres://user:secret@db/mana" }, "Keys.EncryptionKey (KEY_ENCRYPTION_KEY) is required"},
		{"another database", func(c *Config) {
			c.Database.URL, c.Keys.EncryptionKey = "mysql://user:secret@db/mana", make([]byte, 32)
		}, "does not begin with postgres://"},
		{"short key", func(c *Config) { c.Keys.EncryptionKey = make([]byte, 31) }, "Keys.EncryptionKey (KEY_ENCRYPTION_KEY) has 31 bytes, not 32"},
		{"negative access token", func(c *Config) { c.Tokens.AccessTTL = -1 }, "Tokens.AccessTTL (JWT_ACCESS_TOKEN_EXPIRY) -1ns"},
		{"long access token", func(c *Config) { c.Tokens.AccessTTL = 25 * time.Hour }, "Tokens.AccessTTL"},
		{"rotation within the hour", func(c *Config) { c.Keys.Rotation = 59 * time.Minute }, "Keys.Rotation"},
		{"rotation faster than tokens end", func(c *Config) { c.Tokens.AccessTTL, c.Keys.Rotation = 2*time.Hour, time.Hour }, "Keys.Rotation (KEY_ROTATION) 1h0m0s is not within 2h0m0s"},
		{"refresh below access", func(c *Config) { c.Sessions.RefreshTTL = time.Minute }, "Sessions.RefreshTTL (JWT_REFRESH_TOKEN_EXPIRY) 1m0s is not within the life of an access token, 15m0s"},
		{"remembered below refresh", func(c *Config) { c.Sessions.RememberMeTTL = time.Hour }, "Sessions.RememberMeTTL"},
		{"sessions shorter than remembered ones", func(c *Config) { c.Sessions.TTL = 7 * day }, "Sessions.TTL (SESSION_TTL) 168h0m0s is not within the life of a remembered session that is not refreshed, 720h0m0s"},
		{"sessions kept for an hour", func(c *Config) { c.Sessions.Retention = 24*time.Hour - 1 }, "Sessions.Retention (SESSION_RETENTION)"},
		{"sessions kept for a lifetime", func(c *Config) { c.Sessions.Retention = 3660*day + 1 }, "Sessions.Retention"},
		{"long grace", func(c *Config) { c.Sessions.RefreshGrace = time.Hour }, "Sessions.RefreshGrace (REFRESH_GRACE)"},
		{"short passwords", func(c *Config) { c.Passwords.MinLength = 7 }, "Passwords.MinLength"},
		{"no hashing", func(c *Config) { c.Passwords.Concurrency = -1 }, "Passwords.Concurrency"},
		{"half a limit", func(c *Config) { c.HTTP.RateLimits.Login = Limit{Requests: 5} }, "HTTP.RateLimits.Login (RATE_LIMIT_LOGIN) allows 5 requests per 0s"},
		{"a large bonus", func(c *Config) { c.Credits.SignupBonus = maxGift + 1 }, "Credits.SignupBonus (CREDITS_SIGNUP_BONUS) 1000000000001 is not within 0 and 1000000000000"},
		{"any origin", func(c *Config) { c.HTTP.CORSOrigins = []string{"*"} }, `CORS origin "*"`},
		{"origins by pattern", func(c *Config) { c.HTTP.CORSOrigins = []string{"https://*.example.com"} }, "CORS origin"},
		{"origin with a path", func(c *Config) { c.HTTP.CORSOrigins = []string{"https://example.com/x"} }, "CORS origin"},
		{"origin without a scheme", func(c *Config) { c.HTTP.CORSOrigins = []string{"example.com"} }, "CORS origin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := Config{Database: Database{SQLitePath: filepath.Join(t.TempDir(), "test.db")}}
			test.change(&config)
			server, err := Open(t.Context(), config)
			if err == nil {
				_ = server.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if entries, err := os.ReadDir(filepath.Dir(config.Database.SQLitePath)); err != nil || len(entries) != 0 {
				t.Errorf("files were made: %v, %v", entries, err)
			}
		})
	}
}

// TestKeyEncryptionKey: signing keys that the key-encryption key does not
// open stop the server, and nothing is written over.
func TestKeyEncryptionKey(t *testing.T) {
	t.Parallel()
	otherKEK := bytes.Repeat([]byte{1}, 32)
	for _, test := range []struct {
		name   string
		first  Config // the configuration that makes the database
		second Config // and that which opens it again
		change func(t *testing.T, keyFile string)
		want   string // empty: opens
	}{
		{name: "the same file"},
		{name: "the same configuration", first: Config{Keys: Keys{EncryptionKey: otherKEK}}, second: Config{Keys: Keys{EncryptionKey: otherKEK}}},
		{
			name: "file lost", want: "no key file at",
			change: func(t *testing.T, keyFile string) {
				if err := os.Remove(keyFile); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "another file", want: "does not open the private key",
			change: func(t *testing.T, keyFile string) {
				content := base64.StdEncoding.EncodeToString(otherKEK)
				if err := os.WriteFile(keyFile, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			},
		},
		{name: "from file to configuration", second: Config{Keys: Keys{EncryptionKey: otherKEK}}, want: "does not open the private key"},
		{name: "from configuration to file", first: Config{Keys: Keys{EncryptionKey: otherKEK}}, want: "no key file at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			kid := openOnce(t, path, test.first)
			if test.change != nil {
				test.change(t, path+".key")
			}
			if test.want == "" {
				if again := openOnce(t, path, test.second); again != kid {
					t.Error("another key signs")
				}
				return
			}
			files := directory(t, filepath.Dir(path))
			config := test.second
			config.Database.SQLitePath = path
			server, err := Open(t.Context(), config)
			if err == nil {
				_ = server.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want %q in it", err, test.want)
			}
			if after := directory(t, filepath.Dir(path)); !slices.Equal(after, files) {
				t.Errorf("files were %v, are %v", files, after)
			}
		})
	}
}

// TestOpenTogether: servers that start at once over a new database share its
// schema, its key file and its key.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	for range 2 {
		path := filepath.Join(t.TempDir(), "test.db")
		var (
			all     sync.WaitGroup
			servers [4]*Server
			errs    [4]error
		)
		for i := range servers {
			all.Go(func() {
				servers[i], errs[i] = Open(t.Context(), Config{Database: Database{SQLitePath: path}, Logger: slog.New(slog.DiscardHandler)})
			})
		}
		all.Wait()
		documents := map[string]bool{}
		for i, server := range servers {
			if errs[i] != nil {
				t.Errorf("Open: %v", errs[i])
				continue
			}
			w := httptest.NewRecorder()
			server.Handler().ServeHTTP(w, httptest.NewRequest("GET", wire.JWKSPath, nil))
			documents[w.Body.String()] = true
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		if len(documents) != 1 {
			t.Errorf("%d key sets", len(documents))
		}
	}
}

// openOnce opens and closes a server and returns its JWKS.
func openOnce(t *testing.T, path string, config Config) string {
	t.Helper()
	config.Database.SQLitePath = path
	server, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := server.store.SigningKeys(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d keys, %v", len(rows), err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	return rows[0].ID
}

func directory(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
