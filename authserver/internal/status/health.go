// Package status answers health probes.
package status

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
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
	// Database returns an error where the database does not answer.
	Database func(ctx context.Context) error
	// Signing returns an error of package keys where no key signs at an
	// instant.
	Signing func(now time.Time) error
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

// ready says whether requests may be sent here: whether the database answers,
// and whether the keys were read recently enough to sign with them. A key that
// was retired a moment ago does not make the server unready, because it would
// make every server unready at once.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	checks := map[string]wire.Check{"database": {Status: checkUp}, "keys": {Status: checkUp}}
	unready := a.Draining()
	if unready {
		checks["process"] = wire.Check{Status: checkDown}
	}
	if err := a.Database(r.Context()); err != nil {
		checks["database"], unready = wire.Check{Status: checkDown}, true
	}
	if errors.Is(a.Signing(a.Out.Now()), keys.ErrStale) {
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
