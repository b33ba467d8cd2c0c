package client

import (
	"fmt"
	"os"
	"strings"
)

// FromEnv is New with the configuration of the environment. A variable that
// is empty counts as unset.
//
//	MANA_CORE_AUTH_URL  base URL of the auth server, default http://localhost:3001
//	MANA_AUTH_MODE      local (default) or remote
//	MANA_AUTH_FALLBACK  local: remote mode verifies locally during an outage
//	JWT_ISSUER          accepted issuers, comma-separated, default manacore
//	JWT_AUDIENCE        accepted audiences, comma-separated, default manacore
//
// Whoever needs more starts from ConfigFromEnv.
func FromEnv() (*Client, error) {
	config, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return New(config)
}

// ConfigFromEnv is the Config that FromEnv uses.
func ConfigFromEnv() (Config, error) {
	fallback := os.Getenv("MANA_AUTH_FALLBACK")
	if fallback != "" && fallback != string(Local) {
		return Config{}, fmt.Errorf("client: MANA_AUTH_FALLBACK is %q, and may only be %q", fallback, Local)
	}
	config := Config{
		Mode: Mode(os.Getenv("MANA_AUTH_MODE")),
		Issuers: []Issuer{{
			URL:       os.Getenv("MANA_CORE_AUTH_URL"),
			Names:     list(os.Getenv("JWT_ISSUER")),
			Audiences: list(os.Getenv("JWT_AUDIENCE")),
		}},
	}
	if config.Mode != "" && config.Mode != Local && config.Mode != Remote {
		return Config{}, fmt.Errorf("client: MANA_AUTH_MODE is %q, and must be %q or %q", config.Mode, Local, Remote)
	}
	// A deployment sets the fallback once for services of both modes.
	config.FallbackLocal = fallback != "" && config.Mode == Remote
	return config, nil
}

// list splits at commas and drops what is empty.
func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
