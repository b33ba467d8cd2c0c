// Package devbypass lets a developer call guarded routes without a token, on
// their own machine:
//
//	auth, err := client.FromEnv()
//	...
//	guard, err := devbypass.FromEnv(auth) // guard is auth unless the bypass is on
//	...
//	http.ListenAndServe(":3007", nethttp.Guard(guard)(mux))
//
// # When it is on
//
// It is on only when NODE_ENV is exactly "development" and DEV_BYPASS_AUTH
// exactly "true": Config.On is that rule, and the only place that has it. Both
// are read once, at construction. DEV_BYPASS_AUTH=true with any other NODE_ENV,
// unset included, is an error: a service that was deployed with it does not
// start. Nothing in a request can switch it on.
//
// The build tag nodevbypass compiles it out: DEV_BYPASS_AUTH=true is then an
// error whatever NODE_ENV says. Build with it what you deploy.
//
// # What it does
//
// While it is on, a request without credentials has the developer's user, on
// optional routes as well. A token that is sent is still verified, and wins. A
// warning at the start and the header X-Auth-Bypass on each such answer say that
// it is on, and Count says how many requests it let pass.
//
// A program that sets DEV_BYPASS_AUTH and does not call this package needs a
// token as ever; its guards say so at the start.
package devbypass

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/env"
	"github.com/manacore/manacore-go/internal/isnil"
)

// These are the reasons of Config.On, and so of New, to refuse.
var (
	// ErrNotDevelopment says that DEV_BYPASS_AUTH is "true" and NODE_ENV is not
	// "development". The error that wraps it says what NODE_ENV is.
	ErrNotDevelopment = errors.New(`devbypass: DEV_BYPASS_AUTH is "true", but NODE_ENV is not "development": unset one or set the other`)
	// ErrCompiledOut says that DEV_BYPASS_AUTH is "true" in a program that was
	// built with the tag nodevbypass.
	ErrCompiledOut = errors.New(`devbypass: DEV_BYPASS_AUTH is "true", but this program was built without the bypass: unset it`)
)

// Config is what the environment says. The zero value is off.
type Config struct {
	NodeEnv       string // NODE_ENV; the bypass needs exactly "development"
	DevBypassAuth string // DEV_BYPASS_AUTH; the bypass needs exactly "true"

	UserID string // DEV_USER_ID; "": 00000000-0000-0000-0000-000000000000
	Email  string // DEV_USER_EMAIL; "": dev@example.com
	Role   string // DEV_USER_ROLE; "": user
	Tier   string // DEV_USER_TIER: guest, public, beta, alpha or founder; "": none is said, which counts as public

	Logger *slog.Logger // nil: the logger of the Verifier where that has one, else slog.Default
}

// ConfigFromEnv is the Config that FromEnv uses: the variables that the fields
// name. NODE_ENV and DEV_BYPASS_AUTH count as they are. Where they switch the
// bypass on, the others are read as well: white space around a value is
// trimmed, an empty variable counts as unset, and quotes around a value are the
// error.
func ConfigFromEnv() (Config, error) {
	config := Config{
		NodeEnv:       os.Getenv("NODE_ENV"),
		DevBypassAuth: os.Getenv("DEV_BYPASS_AUTH"),
	}
	if on, err := config.On(); !on || err != nil {
		return config, nil //nolint:nilerr // New says why
	}
	var r env.Reader
	config.UserID = r.String("DEV_USER_ID")
	config.Email = r.String("DEV_USER_EMAIL")
	config.Role = r.String("DEV_USER_ROLE")
	config.Tier = r.String("DEV_USER_TIER")
	if err := r.Err(); err != nil {
		return Config{}, fmt.Errorf("devbypass: %w", err)
	}
	return config, nil
}

// FromEnv is New with the configuration of the environment. Its errors are those
// of New and of ConfigFromEnv.
func FromEnv(auth client.Verifier) (client.Verifier, error) {
	config, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return New(auth, config)
}

// On tells whether the bypass is on. It is the one rule for whatever stands in
// for a server on a developer's machine. Errors: ErrNotDevelopment and
// ErrCompiledOut, where DEV_BYPASS_AUTH asks for a bypass that may not be.
func (c Config) On() (bool, error) {
	switch {
	case c.DevBypassAuth != "true":
		return false, nil
	case !compiledIn:
		return false, ErrCompiledOut
	case c.NodeEnv != "development":
		return false, fmt.Errorf("%w (NODE_ENV is %q)", ErrNotDevelopment, c.NodeEnv)
	default:
		return true, nil
	}
}

// New returns auth itself unless config switches the bypass on; then it
// returns a Verifier that stands in for auth where no token is sent. Its user
// has the session "dev-session", zero times and Bypass set. Errors: those of
// Config.On, and an auth that is nil or holds a nil pointer.
func New(auth client.Verifier, config Config) (client.Verifier, error) {
	if isnil.Is(auth) {
		return nil, fmt.Errorf("devbypass: the Verifier is nil (%T): look at the error of the call that made it, such as client.FromEnv", auth)
	}
	on, err := config.On()
	if err != nil {
		return nil, err
	}
	log := cmp.Or(config.Logger, loggerOf(auth), slog.Default())
	if !on {
		if config.DevBypassAuth != "" && config.DevBypassAuth != "false" {
			log.Warn(`DEV_BYPASS_AUTH is set to something other than "true": the bypass is off, tokens are required`,
				slog.String("DEV_BYPASS_AUTH", config.DevBypassAuth))
		}
		return auth, nil
	}
	user := client.User{
		ID:        cmp.Or(config.UserID, "00000000-0000-0000-0000-000000000000"),
		Email:     cmp.Or(config.Email, "dev@example.com"),
		Role:      cmp.Or(config.Role, "user"),
		SessionID: "dev-session",
		Tier:      config.Tier,
		Bypass:    true,
	}
	log.Warn("AUTHENTICATION IS BYPASSED: requests without a token pass as the developer's user; never run this where others reach it",
		slog.String("userId", user.ID), slog.String("role", user.Role))
	return standIn(auth, user), nil
}

// loggerOf returns the logger of a Verifier that has one, as a *client.Client
// does; nil else.
func loggerOf(auth client.Verifier) *slog.Logger {
	if logs, ok := auth.(interface{ Logger() *slog.Logger }); ok {
		return logs.Logger()
	}
	return nil
}

// Count is how many requests passed without a token so far; 0 for a Verifier
// that is not New's, or for which the bypass is off.
func Count(auth client.Verifier) uint64 {
	if b, ok := auth.(interface{ Bypassed() uint64 }); ok {
		return b.Bypassed()
	}
	return 0
}
