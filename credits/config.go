package credits

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/env"
	"github.com/manacore/manacore-go/internal/httpcall"
)

// The prefixes under which ledgers have the routes of services.
const (
	// InternalPrefix: our auth server and the standalone credits service.
	InternalPrefix = "/api/v1/internal/credits"
	// LegacyPrefix: our auth server, as older packages call it.
	LegacyPrefix = "/api/v1/credits"
)

// Config of a Client. AppID and ServiceKey are required, outside of a
// developer's machine; every other zero value is a working one. A negative
// number is an error unless its field says what it means.
type Config struct {
	// URL of the ledger, without the /api/v1: the auth server, or the credits
	// service where that stands apart. "": http://localhost:3001. Over http://
	// it must be this machine or one of PlaintextHosts.
	URL string
	// Prefix of the routes. "": InternalPrefix. One that ends like that is taken
	// for it, behind a gateway for example: a ledger's balance there is all that
	// may be spent, free credits included, and below every other prefix it is not.
	Prefix string
	// AppID names the app that charges, as the service key was made for it:
	// letters, digits, ".", "_" and "-", at most 64.
	AppID string
	// ServiceKey lets the app charge. It gets into no log and no error.
	ServiceKey string
	// PlaintextHosts are host names, without a port, that may be called over
	// plain http although they are not this machine: those of a network, such
	// as a cluster's, that nobody else listens to. They are called without a
	// proxy. None: https is required.
	PlaintextHosts []string

	// Timeout of one call as a whole, its repetitions included. 0: 5 s.
	Timeout time.Duration
	// Attempt is the timeout of one request of a call. 0: 2 s. At most
	// Timeout.
	Attempt time.Duration
	// Retries is how often a call is repeated that may have failed on its way.
	// 0: twice. Negative: never.
	Retries int
	// Backoff bounds the wait before the first repetition, which is random
	// below it; it doubles each time, up to 1 s. A ledger that asks for more
	// gets it, within Timeout. 0: 100 ms.
	Backoff time.Duration
	// Breaker is when calls end with ErrUnavailable without being made: after
	// so many failures of the ledger in a row, for so long.
	Breaker client.BreakerConfig

	// HTTPClient is copied for the calls, and so is its Transport where that is
	// an *http.Transport: redirects are never followed, and plain http goes
	// through no proxy. nil: http.DefaultTransport is copied.
	HTTPClient *http.Client
	// Clock times the waits between repetitions. nil: the system's.
	Clock client.Clock
	// Logger hears of outages, never of keys. nil: slog.Default, at each line.
	Logger *slog.Logger
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }
func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// withDefaults fills what is not set, or says what is wrong.
func (c Config) withDefaults() (Config, error) {
	c.URL = cmp.Or(c.URL, "http://localhost:3001")
	c.Prefix = strings.TrimRight(cmp.Or(c.Prefix, InternalPrefix), "/")
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.Attempt = min(cmp.Or(c.Attempt, 2*time.Second), c.Timeout)
	c.Retries = max(cmp.Or(c.Retries, 2), 0)
	c.Backoff = cmp.Or(c.Backoff, 100*time.Millisecond)
	c.Breaker.Failures = cmp.Or(c.Breaker.Failures, 5)
	c.Breaker.OpenFor = cmp.Or(c.Breaker.OpenFor, 2*time.Second)
	if c.Clock == nil {
		c.Clock = systemClock{}
	}
	return c.checked()
}

// checked returns the configuration with its URL in one spelling, or says what is
// wrong.
func (c Config) checked() (Config, error) {
	var errs []error
	reject := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrNotConfigured}, args...)...))
		}
	}
	reject(c.AppID == "", "AppID (APP_ID) is not set: it is the name of the app that the service key was made for")
	reject(c.AppID != "" && !isAppID(c.AppID), "AppID (APP_ID) is %q, and must be at most 64 letters, digits, \".\", \"_\" and \"-\"", c.AppID)
	reject(c.ServiceKey == "", "ServiceKey (%s) is not set: authserver service-keys create %s prints one", keyVariables, cmp.Or(c.AppID, "APP_ID"))
	if at := strings.IndexFunc(c.ServiceKey, notVisible); at >= 0 {
		reject(true, "ServiceKey (%s) is of %d bytes, of which the one at %d is a blank, a control character or none of ASCII: a header can't carry it",
			keyVariables, len(c.ServiceKey), at+1)
	}
	if err := httpcall.CheckHosts(c.PlaintextHosts); err != nil {
		reject(true, "PlaintextHosts (%s) %w", env.PlaintextVariable, err)
	}
	base, err := httpcall.BaseURL(c.URL, c.PlaintextHosts, env.PlaintextVariable)
	if err != nil {
		reject(true, "URL (MANA_CREDITS_URL, or else MANA_AUTH_URL) %w", err)
	}
	c.URL = base
	reject(!isPrefix(c.Prefix), "Prefix is %q, and must be a path such as %s", c.Prefix, InternalPrefix)
	for name, d := range map[string]time.Duration{
		"Timeout": c.Timeout, "Attempt": c.Attempt, "Backoff": c.Backoff, "Breaker.OpenFor": c.Breaker.OpenFor,
	} {
		reject(d < 0, "%s is %v, and must not be negative", name, d)
	}
	return c, errors.Join(errs...)
}

// withFree tells whether the balance that the ledger answers has the free
// credits in it.
func (c Config) withFree() bool { return strings.HasSuffix(c.Prefix, "/internal/credits") }

// keyVariables are the names of the service key in the environment.
const keyVariables = "MANA_SERVICE_KEY, SERVICE_KEY or MANA_CORE_SERVICE_KEY"

// isPrefix tells whether a text is a path that can stand between the URL and a
// route.
func isPrefix(text string) bool {
	return strings.HasPrefix(text, "/") && !strings.ContainsAny(text, "?#%\\;") && !strings.Contains(text, "//") &&
		!strings.Contains(text+"/", "/../") && !strings.Contains(text+"/", "/./") && strings.IndexFunc(text, notVisible) < 0
}

func isAppID(id string) bool {
	return len(id) <= 64 && strings.IndexFunc(id, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	}) < 0
}

func notVisible(c rune) bool { return c <= 0x20 || c >= 0x7f }
