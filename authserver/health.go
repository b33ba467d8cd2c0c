package authserver

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	checkUp   = "up"
	checkDown = "down"

	// pingTime is how long the database may take to answer a look at it: less
	// than probes usually wait.
	pingTime = 900 * time.Millisecond
	// pingFresh is for how long the result of a look serves.
	pingFresh = 500 * time.Millisecond
)

// health tells probes how the server is.
type health struct {
	out      *web.Responder
	database *lookout
	ring     func() *keys.Ring
}

// routes are those of health under the API's prefix and, for probes that know
// no prefix, without it.
func (h health) routes() []web.Route {
	var routes []web.Route
	for _, path := range []string{wire.HealthPath, "/health"} {
		for _, kind := range []struct {
			path   string
			serve  func(http.ResponseWriter, *http.Request) error
			errors []wire.Code
		}{
			{"", h.plain, nil},
			{"/live", h.live, nil},
			{"/ready", h.ready, []wire.Code{wire.ServiceUnavailable}},
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
func (h health) plain(w http.ResponseWriter, r *http.Request) error {
	h.out.Respond(w, r, http.StatusOK, wire.Health{Status: "ok", Timestamp: wire.Timestamp(h.out.Now())})
	return nil
}

// live says that the process need not be restarted.
func (h health) live(w http.ResponseWriter, r *http.Request) error {
	h.out.Respond(w, r, http.StatusOK, wire.Health{
		Status:    "ok",
		Timestamp: wire.Timestamp(h.out.Now()),
		Checks:    map[string]wire.Check{"process": {Status: checkUp}},
	})
	return nil
}

// ready says whether requests may be sent here: whether the database answers,
// and whether the keys were read lately enough to be signed with. A key that was
// retired a moment ago is no reason: it would be one on every server at once.
func (h health) ready(w http.ResponseWriter, r *http.Request) error {
	checks := map[string]wire.Check{"database": {Status: checkUp}, "keys": {Status: checkUp}}
	unready := false
	if err := h.database.look(r.Context()); err != nil {
		checks["database"], unready = wire.Check{Status: checkDown}, true
	}
	if _, err := h.ring().Signing(h.out.Now()); errors.Is(err, keys.ErrStale) {
		checks["keys"], unready = wire.Check{Status: checkDown}, true
	}
	if unready {
		h.out.Respond(w, r, http.StatusServiceUnavailable, wire.Unready{
			Envelope: h.out.Envelope(r, wire.ServiceUnavailable, web.TextUnavailable),
			Status:   "error",
			Checks:   checks,
		})
		return nil
	}
	h.out.Respond(w, r, http.StatusOK, wire.Health{Status: "ok", Timestamp: wire.Timestamp(h.out.Now()), Checks: checks})
	return nil
}

// lookout looks whether the database answers. However many ask, and however
// often, it asks the database one question at a time and two a second: probes
// do not pile up on one that is in trouble.
type lookout struct {
	out   *web.Responder
	meter *meter.Meter
	ping  func(context.Context) error // asks the database

	looking singleflight.Group
	lock    sync.Mutex
	at      time.Time // of the last look; zero: none yet
	err     error     // what it found
}

func (l *lookout) look(ctx context.Context) error {
	l.lock.Lock()
	at, err := l.at, l.err
	l.lock.Unlock()
	if age := l.out.Now().Sub(at); !at.IsZero() && age >= 0 && age < pingFresh {
		return err
	}
	// On a context of its own: a caller that hangs up fails only itself.
	found := l.looking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTime)
		defer cancel()
		err := l.ping(ctx)
		if err != nil {
			l.meter.StoreError(meter.PartHealth)
			l.out.Log.ErrorContext(ctx, "not ready: the database does not answer", "error", err)
		}
		l.lock.Lock()
		defer l.lock.Unlock()
		l.at, l.err = l.out.Now(), err
		return nil, err
	})
	select {
	case result := <-found:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
