// Package devbypass lets a developer call guarded routes without a token, on
// their own machine:
//
//	auth, err := client.FromEnv()
//	...
//	guard, err := devbypass.FromEnv(auth) // guard is auth unless the bypass is on
//	...
//	http.ListenAndServe(":3007", nethttp.Guard(guard)(mux))
//
// It is on only when NODE_ENV is exactly "development" and DEV_BYPASS_AUTH
// exactly "true", both read once, at construction. DEV_BYPASS_AUTH=true with
// any other NODE_ENV, unset included, is an error: a service that was deployed
// with it does not start. Nothing in a request can switch it on.
//
// While it is on, a request without credentials has the developer's user, on
// optional routes as well. A token that is sent is still verified, and wins. A
// warning at the start and the header X-Auth-Bypass on each such answer tell
// that it is on; Count counts.
//
// The build tag nodevbypass compiles it out: DEV_BYPASS_AUTH=true is then an
// error whatever NODE_ENV says. Build what you deploy with it.
package devbypass

import (
	"cmp"
	"errors"
	"log/slog"
	"os"

	"github.com/manacore/manacore-go/client"
)

// Why New refuses.
var (
	// ErrNotDevelopment: DEV_BYPASS_AUTH is "true" and NODE_ENV is not
	// "development".
	ErrNotDevelopment = errors.New(`devbypass: DEV_BYPASS_AUTH is "true", but NODE_ENV is not "development": unset one or set the other`)
	// ErrCompiledOut: DEV_BYPASS_AUTH is "true" in a program that was built
	// with the tag nodevbypass.
	ErrCompiledOut = errors.New(`devbypass: DEV_BYPASS_AUTH is "true", but this program was built without the bypass: unset it`)
)

// Config is what the environment says. The zero value is off.
type Config struct {
	NodeEnv       string // NODE_ENV; the bypass needs exactly "development"
	DevBypassAuth string // DEV_BYPASS_AUTH; the bypass needs exactly "true"

	UserID string // DEV_USER_ID; empty: 00000000-0000-0000-0000-000000000000
	Email  string // DEV_USER_EMAIL; empty: dev@example.com
	Role   string // DEV_USER_ROLE; empty: user

	Logger *slog.Logger // nil: slog.Default()
}

// FromEnv is New with the variables that Config names.
func FromEnv(auth client.Verifier) (client.Verifier, error) {
	return New(auth, Config{
		NodeEnv:       os.Getenv("NODE_ENV"),
		DevBypassAuth: os.Getenv("DEV_BYPASS_AUTH"),
		UserID:        os.Getenv("DEV_USER_ID"),
		Email:         os.Getenv("DEV_USER_EMAIL"),
		Role:          os.Getenv("DEV_USER_ROLE"),
	})
}

// New returns auth itself unless config switches the bypass on; then it
// returns a Verifier that stands in for auth where no token is sent. Its user
// has the session "dev-session", zero times and Bypass set. Errors:
// ErrNotDevelopment, ErrCompiledOut, and a nil auth.
func New(auth client.Verifier, config Config) (client.Verifier, error) {
	if auth == nil {
		return nil, errors.New("devbypass: nil Verifier")
	}
	log := config.Logger
	if log == nil {
		log = slog.Default()
	}
	if config.DevBypassAuth != "true" {
		if config.DevBypassAuth != "" && config.DevBypassAuth != "false" {
			log.Warn(`DEV_BYPASS_AUTH is set to something other than "true": the bypass is off, tokens are required`)
		}
		return auth, nil
	}
	if !compiledIn {
		return nil, ErrCompiledOut
	}
	if config.NodeEnv != "development" {
		return nil, ErrNotDevelopment
	}
	user := client.User{
		ID:        cmp.Or(config.UserID, "00000000-0000-0000-0000-000000000000"),
		Email:     cmp.Or(config.Email, "dev@example.com"),
		Role:      cmp.Or(config.Role, "user"),
		SessionID: "dev-session",
		Bypass:    true,
	}
	log.Warn("AUTHENTICATION IS BYPASSED: requests without a token pass as the developer's user; never run this where others reach it",
		slog.String("userId", user.ID), slog.String("role", user.Role))
	return standIn(auth, user), nil
}

// Count is how many requests passed without a token so far; 0 for a Verifier
// that is not New's, or for which the bypass is off.
func Count(auth client.Verifier) uint64 {
	if b, ok := auth.(interface{ bypassed() uint64 }); ok {
		return b.bypassed()
	}
	return 0
}
