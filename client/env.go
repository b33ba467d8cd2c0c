package client

import (
	"errors"
	"fmt"
	"slices"

	"github.com/manacore/manacore-go/internal/env"
)

// FromEnv is New with the configuration of the environment. White space around
// a value is trimmed, an empty variable counts as unset, and quotes around a
// value are an error. The two names of the auth server's URL must not hold
// different values.
//
//	MANA_AUTH_URL       base URL of the auth server; also MANA_CORE_AUTH_URL;
//	                    default http://localhost:3001, required with NODE_ENV=production
//	MANA_AUTH_MODE      local (default) or remote
//	MANA_AUTH_FALLBACK  off (default), or local: remote mode verifies locally during an outage
//	MANA_AUTH_REVOCATIONS
//	                    auto (default), off or required: how local mode uses the feed
//	                    of the sessions that ended
//	MANA_SERVICE_KEY, APP_ID
//	                    get that feed a place of its own where strangers take many;
//	                    also SERVICE_KEY and MANA_CORE_SERVICE_KEY
//	JWKS_URL            where the key set is, if not at MANA_AUTH_URL/api/v1/auth/jwks
//	JWT_ISSUER          accepted iss, comma-separated, default manacore and MANA_AUTH_URL
//	                    with and without a slash at its end
//	JWT_AUDIENCE        accepted aud, comma-separated, default manacore and mana
//	MANA_AUTH_PLAINTEXT_HOSTS, MANA_CREDITS_PLAINTEXT_HOSTS
//	                    hosts that may be called over plain http, comma-separated
//
// Whoever needs more starts from ConfigFromEnv.
func FromEnv() (*Client, error) {
	config, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return New(config)
}

// ConfigFromEnv is the Config that FromEnv uses. The error names every variable
// that is wrong.
func ConfigFromEnv() (Config, error) {
	var r env.Reader
	config := Config{
		Mode: Mode(r.String("MANA_AUTH_MODE")),
		Issuers: []Issuer{{
			URL:       r.AuthURL(),
			JWKSURL:   r.String("JWKS_URL"),
			Names:     r.List("JWT_ISSUER"),
			Audiences: r.List("JWT_AUDIENCE"),
		}},
		PlaintextHosts: r.PlaintextHosts(),
		Revocations:    Revocations(r.String("MANA_AUTH_REVOCATIONS")),
		ServiceKey:     r.Secret("MANA_SERVICE_KEY", "SERVICE_KEY", "MANA_CORE_SERVICE_KEY"),
		AppID:          r.String("APP_ID"),
	}
	fallback := r.String("MANA_AUTH_FALLBACK")
	errs := []error{r.Err()}
	if config.Mode != "" && config.Mode != ModeLocal && config.Mode != ModeRemote {
		errs = append(errs, fmt.Errorf("MANA_AUTH_MODE is %q, and must be %q or %q", config.Mode, ModeLocal, ModeRemote))
	}
	if !slices.Contains([]Revocations{"", RevocationsAuto, RevocationsOff, RevocationsRequired}, config.Revocations) {
		errs = append(errs, fmt.Errorf("MANA_AUTH_REVOCATIONS is %q, and must be %q, %q or %q",
			config.Revocations, RevocationsAuto, RevocationsOff, RevocationsRequired))
	}
	if fallback != "" && fallback != "off" && fallback != string(ModeLocal) {
		errs = append(errs, fmt.Errorf("MANA_AUTH_FALLBACK is %q, and must be %q or %q", fallback, "off", ModeLocal))
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("client: %w", err)
	}
	config.FallbackLocal = fallback == string(ModeLocal)
	return config, nil
}
