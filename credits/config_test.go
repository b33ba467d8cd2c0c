package credits_test

import (
	"errors"
	"strings"
	"testing"

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
		"breaker":            func(c *credits.Config) { c.Breaker = client.BreakerConfig{OpenFor: -1} },
		"query":              func(c *credits.Config) { c.URL = "https://x.example.com?a" },
	} {
		config := credits.Config{AppID: "chat", ServiceKey: "secret"}
		edit(&config)
		_, err := credits.New(config)
		if !errors.Is(err, credits.ErrNotConfigured) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// It reads the environment, and so does not run beside other tests.
func TestConfigFromEnv(t *testing.T) {
	for name, value := range map[string]string{
		"MANA_CORE_AUTH_URL": "https://auth.example.com", "MANA_CREDITS_URL": "", "APP_ID": "chat", "MANA_CORE_SERVICE_KEY": "key",
		"MANA_CREDITS_PLAINTEXT_HOSTS": "credits, mana-core-auth,",
	} {
		t.Setenv(name, value)
	}
	want := credits.Config{URL: "https://auth.example.com", AppID: "chat", ServiceKey: "key", PlaintextHosts: []string{"credits", "mana-core-auth"}}
	if diff := cmp.Diff(want, credits.ConfigFromEnv(), cmpopts.IgnoreUnexported(credits.Config{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Setenv("MANA_CREDITS_URL", "http://credits:3061")
	if got := credits.ConfigFromEnv().URL; got != "http://credits:3061" {
		t.Errorf("URL %s", got)
	}
	ledger, err := credits.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	ledger.Close()
	t.Setenv("MANA_CORE_SERVICE_KEY", "")
	if _, err := credits.FromEnv(); !errors.Is(err, credits.ErrNotConfigured) {
		t.Errorf("error %v", err)
	}
}
