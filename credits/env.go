package credits

import (
	"fmt"

	"github.com/manacore/manacore-go/internal/env"
)

// FromEnv is New with the configuration of the environment. White space around
// a value is trimmed, an empty variable counts as unset, and quotes around a
// value are an error. Where a setting has several names, they must not hold
// different values.
//
//	APP_ID                        the app that charges, required
//	MANA_SERVICE_KEY              its key, required; also SERVICE_KEY and MANA_CORE_SERVICE_KEY
//	MANA_CREDITS_URL              base URL of the ledger, default MANA_AUTH_URL
//	MANA_AUTH_URL                 base URL of the auth server; also MANA_CORE_AUTH_URL;
//	                              default http://localhost:3001, required with NODE_ENV=production
//	MANA_AUTH_PLAINTEXT_HOSTS     hosts that may be called over plain http, comma-separated
//	MANA_CREDITS_PLAINTEXT_HOSTS  more of them
//
// Whoever needs more starts from ConfigFromEnv. On a developer's machine package
// devbypass/ledger has a ledger that stands in. Errors: ErrNotConfigured.
func FromEnv() (*Client, error) {
	config, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return New(config)
}

// ConfigFromEnv is the Config that FromEnv uses. The error is ErrNotConfigured
// and names every variable that is wrong.
func ConfigFromEnv() (Config, error) {
	var r env.Reader
	config := Config{
		URL:            r.String("MANA_CREDITS_URL"),
		AppID:          r.String("APP_ID"),
		ServiceKey:     r.Secret("MANA_SERVICE_KEY", "SERVICE_KEY", "MANA_CORE_SERVICE_KEY"),
		PlaintextHosts: r.PlaintextHosts(),
	}
	if config.URL == "" {
		config.URL = r.AuthURL()
	}
	if err := r.Err(); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrNotConfigured, err)
	}
	return config, nil
}
