// Package status answers health probes.
package status

import (
	"context"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	checkUp   = "up"
	checkDown = "down"
)

// Config configures an API. All of it is required.
type Config struct {
	Out *web.Responder
	// Database returns an error where the database does not take what requests
	// have to store.
	Database func(ctx context.Context) error
	// Keys returns an error where no key signs at an instant, and none is about
	// to.
	Keys func(now time.Time) error
	// Revocations reports whether it is known at an instant which sessions
	// ended.
	Revocations func(now time.Time) bool
	// Draining reports whether the server is about to end. Requests are still
	// answered, and no new ones shall be sent here.
	Draining func() bool
}

// API is the routes.
type API struct{ Config }

// New makes an API.
func New(c Config) *API { return &API{c} }

// Routes are those of health under the API's prefix and, for probes that know
// no prefix, without it.
func (a *API) Routes() []web.Route {
	var routes []web.Route
	for _, path := range []string{wire.HealthPath, "/health"} {
		for _, kind := range []struct {
			path   string
			serve  func(http.ResponseWriter, *http.Request) error
			errors []wire.Code
		}{
			{"", a.plain, nil},
			{"/live", a.live, nil},
			{"/ready", a.ready, []wire.Code{wire.ServiceUnavailable}},
		} {
			routes = append(routes, web.Route{
				Pattern: "GET " + path + kind.path, Access: web.Anyone, Limit: web.Unlimited,
				Endpoint: web.Plain(kind.serve),
				Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.Health{}}},
				Errors:   kind.errors,
			})
		}
	}
	return routes
}

// plain says that the process answers.
func (a *API) plain(w http.ResponseWriter, r *http.Request) error {
	a.Out.Respond(w, r, http.StatusOK, wire.Health{Status: "ok", Timestamp: wire.Timestamp(a.Out.Now())})
	return nil
}

// live says that the process need not be restarted.
func (a *API) live(w http.ResponseWriter, r *http.Request) error {
	a.Out.Respond(w, r, http.StatusOK, wire.Health{
		Status:    "ok",
		Timestamp: wire.Timestamp(a.Out.Now()),
		Checks:    map[string]wire.Check{"process": {Status: checkUp}},
	})
	return nil
}

// ready says whether requests may be sent here, by what they need: the database
// takes what is stored, a key signs, and it is known which sessions ended. A key
// that was retired a moment ago does not make the server unready, because it
// would make every server unready at once.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	checks := map[string]wire.Check{"database": {Status: checkUp}, "keys": {Status: checkUp}}
	unready := a.Draining()
	if unready {
		checks["process"] = wire.Check{Status: checkDown}
		// Who reads this goes to another server and leaves its connection unused;
		// the program's own rule may have seen this request too early.
		w.Header().Set("Connection", "close")
	}
	if err := a.Database(r.Context()); err != nil {
		checks["database"], unready = wire.Check{Status: checkDown}, true
	}
	// By keys and revocations tokens are signed and judged. Probes know one name
	// for both.
	if now := a.Out.Now(); a.Keys(now) != nil || !a.Revocations(now) {
		checks["keys"], unready = wire.Check{Status: checkDown}, true
	}
	if unready {
		a.Out.Respond(w, r, http.StatusServiceUnavailable, wire.Unready{
			Envelope: a.Out.Envelope(r, wire.ServiceUnavailable, web.TextUnavailable),
			Status:   "error",
			Checks:   checks,
		})
		return nil
	}
	a.Out.Respond(w, r, http.StatusOK, wire.Health{Status: "ok", Timestamp: wire.Timestamp(a.Out.Now()), Checks: checks})
	return nil
}
