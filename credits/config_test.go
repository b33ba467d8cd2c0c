package credits_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
)

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*credits.Config){
		"app with a blank":   func(c *credits.Config) { c.AppID = "my app" },
		"app too long":       func(c *credits.Config) { c.AppID = strings.Repeat("a", 65) },
		"key with a newline": func(c *credits.Config) { c.ServiceKey = "secret\n" },
		"prefix":             func(c *credits.Config) { c.Prefix = "credits" },
		"prefix with a ?":    func(c *credits.Config) { c.Prefix = "/x?y" },
		"timeout":            func(c *credits.Config) { c.Timeout = -1 },
		"attempt":            func(c *credits.Config) { c.Attempt = -1 },
		"backoff":            func(c *credits.Config) { c.Backoff = -1 },
		"prefix with ..":     func(c *credits.Config) { c.Prefix = "/api/../x" },
		"prefix of a blank":  func(c *credits.Config) { c.Prefix = "/a b" },
		"prefix of a host":   func(c *credits.Config) { c.Prefix = "//elsewhere" },
		"breaker":            func(c *credits.Config) { c.Breaker = client.BreakerConfig{OpenFor: -1} },
		"S6 a query":         func(c *credits.Config) { c.URL = "https://x.example.com?a" },
		"S6 an empty query":  func(c *credits.Config) { c.URL = "https://x.example.com?" },
		"S6 a fragment":      func(c *credits.Config) { c.URL = "https://x.example.com#" },
		"S6 the prefix":      func(c *credits.Config) { c.URL = "https://x.example.com/api/v1/" },
		"S6 a password":      func(c *credits.Config) { c.URL = "https://x:secret@x.example.com" },
	} {
		config := credits.Config{AppID: "chat", ServiceKey: "secret"}
		edit(&config)
		_, err := credits.New(config)
		if !errors.Is(err, credits.ErrNotConfigured) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every mistake of a newcomer is named with its field, its variable, what it
// holds and what it should, but for the key, which is a secret.
func TestS35ConfigErrorsSayWhatToSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*credits.Config)
		says []string
	}{
		{"S35 no app", func(c *credits.Config) { c.AppID = "" }, []string{"AppID", "APP_ID", "not set"}},
		{"S35 an app that is none", func(c *credits.Config) { c.AppID = "my app" }, []string{"AppID", "APP_ID", `"my app"`, "letters"}},
		{"S35 no key", func(c *credits.Config) { c.ServiceKey = "" }, []string{"ServiceKey", "MANA_SERVICE_KEY", "SERVICE_KEY", "MANA_CORE_SERVICE_KEY", "service-keys create chat"}},
		{"S35 a key of two lines", func(c *credits.Config) { c.ServiceKey = "secret\n" }, []string{"ServiceKey", "MANA_SERVICE_KEY", "7 bytes", "at 7"}},
		{"S35 a prefix", func(c *credits.Config) { c.Prefix = "credits" }, []string{"Prefix", `"credits"`, credits.InternalPrefix}},
		{"S35 a URL with the prefix", func(c *credits.Config) { c.URL = "https://a.example/api/v1" }, []string{"MANA_CREDITS_URL", "MANA_AUTH_URL", "https://a.example/api/v1"}},
		{"S35 plain http", func(c *credits.Config) { c.URL = "http://mana-core-auth:3001" }, []string{"MANA_CREDITS_URL", "MANA_AUTH_PLAINTEXT_HOSTS=mana-core-auth"}},
		{"S35 a timeout", func(c *credits.Config) { c.Timeout = -time.Second }, []string{"Timeout", "-1s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := credits.Config{AppID: "chat", ServiceKey: "secret"}
			c.edit(&config)
			_, err := credits.New(config)
			if !errors.Is(err, credits.ErrNotConfigured) || strings.Contains(err.Error(), "secret") {
				t.Fatal(err)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v\ndoes not say %q", err, word)
				}
			}
		})
	}
}

// It reads the environment, and so does not run beside other tests.
func TestConfigFromEnv(t *testing.T) {
	const hidden = "a-key-that-is-secret"
	for name, c := range map[string]struct {
		env   map[string]string
		want  credits.Config
		wrong []string // all of them in the error; none: there is no error
	}{
		"everything": {
			map[string]string{
				"MANA_CORE_AUTH_URL": "https://auth.example.com\n", "APP_ID": "chat", "MANA_CORE_SERVICE_KEY": hidden + "\n",
				"MANA_CREDITS_PLAINTEXT_HOSTS": "credits, mana-core-auth,", "MANA_AUTH_PLAINTEXT_HOSTS": "auth",
			},
			credits.Config{URL: "https://auth.example.com", AppID: "chat", ServiceKey: hidden, PlaintextHosts: []string{"auth", "credits", "mana-core-auth"}}, nil,
		},
		"the names of 2026": {
			map[string]string{"MANA_AUTH_URL": "https://auth.example.com", "APP_ID": "chat", "MANA_SERVICE_KEY": hidden},
			credits.Config{URL: "https://auth.example.com", AppID: "chat", ServiceKey: hidden}, nil,
		},
		"a ledger of its own in production": {
			map[string]string{"NODE_ENV": "production", "MANA_CREDITS_URL": "https://credits.example.com", "APP_ID": "chat", "SERVICE_KEY": hidden},
			credits.Config{URL: "https://credits.example.com", AppID: "chat", ServiceKey: hidden}, nil,
		},
		"no URL in production": {
			map[string]string{"NODE_ENV": "production", "APP_ID": "chat", "SERVICE_KEY": hidden}, credits.Config{}, []string{"MANA_AUTH_URL", "production"},
		},
		"two keys": {
			map[string]string{"APP_ID": "chat", "MANA_SERVICE_KEY": hidden, "MANA_CORE_SERVICE_KEY": "other"}, credits.Config{}, []string{"MANA_SERVICE_KEY", "MANA_CORE_SERVICE_KEY"},
		},
		"quotes": {
			map[string]string{"APP_ID": `"chat"`, "MANA_SERVICE_KEY": "'" + hidden + "'"}, credits.Config{}, []string{"APP_ID", "MANA_SERVICE_KEY", "quotes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{
				"NODE_ENV", "APP_ID", "MANA_AUTH_URL", "MANA_CORE_AUTH_URL", "MANA_CREDITS_URL", "MANA_SERVICE_KEY", "SERVICE_KEY",
				"MANA_CORE_SERVICE_KEY", "MANA_AUTH_PLAINTEXT_HOSTS", "MANA_CREDITS_PLAINTEXT_HOSTS",
			} {
				t.Setenv(variable, c.env[variable])
			}
			got, err := credits.ConfigFromEnv()
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if errors.Is(err, credits.ErrNotConfigured) != (c.wrong != nil) {
				t.Errorf("error %v", err)
			}
			for _, part := range c.wrong {
				if err != nil && !strings.Contains(err.Error(), part) || err != nil && strings.Contains(err.Error(), hidden) {
					t.Errorf("error %v; want %s in it, and no key", err, part)
				}
			}
			ledger, err := credits.FromEnv()
			if (err == nil) != (c.wrong == nil) {
				t.Fatalf("FromEnv: %v", err)
			}
			if ledger != nil {
				ledger.Close()
			}
		})
	}
	t.Setenv("APP_ID", "")
	if _, err := credits.FromEnv(); !errors.Is(err, credits.ErrNotConfigured) {
		t.Errorf("error %v", err)
	}
}
