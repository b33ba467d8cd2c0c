package credits

import (
	"cmp"
	"os"
	"strings"
)

// FromEnv is New with the configuration of the environment. A variable that
// is empty counts as unset.
//
//	APP_ID                        the app that charges, required
//	MANA_CORE_SERVICE_KEY         its key, required
//	MANA_CREDITS_URL              base URL of the ledger, default MANA_CORE_AUTH_URL
//	MANA_CORE_AUTH_URL            base URL of the auth server, default http://localhost:3001
//	MANA_CREDITS_PLAINTEXT_HOSTS  hosts that may be called over plain http, comma-separated
//
// Whoever needs more starts from ConfigFromEnv. On a developer's machine package
// devbypass/ledger has a ledger that stands in.
func FromEnv() (*Client, error) { return New(ConfigFromEnv()) }

// ConfigFromEnv is the Config that FromEnv uses.
func ConfigFromEnv() Config {
	return Config{
		URL:            cmp.Or(os.Getenv("MANA_CREDITS_URL"), os.Getenv("MANA_CORE_AUTH_URL")),
		AppID:          os.Getenv("APP_ID"),
		ServiceKey:     os.Getenv("MANA_CORE_SERVICE_KEY"),
		PlaintextHosts: list(os.Getenv("MANA_CREDITS_PLAINTEXT_HOSTS")),
	}
}

// list splits at commas and drops what is empty.
func list(value string) []string {
	return strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' })
}
