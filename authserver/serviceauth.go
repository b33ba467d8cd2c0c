package authserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// keysFresh is how long service keys are remembered, and so how long a revoked
// one may still open a route.
const keysFresh = time.Second

var errTwoCredentials = fail(wire.InvalidRequest, "Send either an access token or a service key")

// serviceAuth tells which app a request with a service key comes from.
type serviceAuth struct {
	clock  Clock
	source store.ServiceKeys
	single *store.Digest // of Config.ServiceKey; nil where there is none

	lock   sync.Mutex
	keys   []store.ServiceKey
	loaded time.Time
	failed error     // of the last look; nil: there was none, or it went well
	again  time.Time // when to look after it
}

func newServiceAuth(cfg Config, source store.ServiceKeys) *serviceAuth {
	a := &serviceAuth{clock: cfg.Clock, source: source}
	if cfg.ServiceKey != "" {
		digest := store.Digest(sha256.Sum256([]byte(cfg.ServiceKey)))
		a.single = &digest
	}
	return a
}

// route is an endpoint for the services that may do the operation. Who may not
// is limited as everybody else is.
func (a *serviceAuth) route(operation string, limit func(endpoint) endpoint,
	serve func(w http.ResponseWriter, r *http.Request, appID string) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		appID, err := a.admit(r, operation)
		if err != nil {
			return limit(func(http.ResponseWriter, *http.Request) error { return err })(w, r)
		}
		return serve(w, r, appID)
	}
}

// admit checks the service key of a request. All keys of the app are compared,
// by their digests and in constant time.
func (a *serviceAuth) admit(r *http.Request, operation string) (appID string, err error) {
	keys, apps := r.Header.Values(wire.ServiceKeyHeader), r.Header.Values(wire.AppIDHeader)
	switch {
	case len(keys) == 0 || keys[0] == "":
		return "", fail(wire.Unauthorized, "No service key provided")
	case r.Header.Get("Authorization") != "":
		return "", errTwoCredentials
	case len(keys) > 1 || len(apps) != 1 || !isAppID(apps[0]):
		return "", fail(wire.InvalidRequest, "One "+wire.ServiceKeyHeader+" and one "+wire.AppIDHeader+" header are required")
	}
	digest := store.Digest(sha256.Sum256([]byte(keys[0])))
	if a.single != nil && subtle.ConstantTimeCompare(digest[:], a.single[:]) == 1 {
		return apps[0], nil
	}
	now := a.clock.Now()
	known, err := a.fresh(r.Context(), now)
	if err != nil {
		return "", err
	}
	found, allowed := false, false
	for _, key := range known {
		if key.AppID == apps[0] && key.Live(now) && subtle.ConstantTimeCompare(digest[:], key.Hash[:]) == 1 {
			found, allowed = true, slices.Contains(key.Operations, operation)
		}
	}
	switch {
	case !found:
		return "", fail(wire.Unauthorized, "Invalid service key")
	case !allowed:
		return "", fail(wire.Forbidden, "The service key does not allow "+operation)
	}
	return apps[0], nil
}

// fresh are all service keys, as they were within keysFresh. One query a
// second, however many strangers ask.
func (a *serviceAuth) fresh(ctx context.Context, now time.Time) ([]store.ServiceKey, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	age := now.Sub(a.loaded)
	if !a.loaded.IsZero() && age >= 0 && age < keysFresh {
		return a.keys, nil
	}
	// Who came while one looked in vain does not look after it, for as long.
	if a.failed != nil && now.Before(a.again) {
		return nil, a.failed
	}
	// Whoever waits behind this caller needs the answer as well, even if this
	// one hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTime)
	defer cancel()
	keys, err := a.source.ServiceKeys(ctx)
	if err != nil {
		a.failed = errors.Join(errors.New("service keys could not be read"), err)
		a.again = a.clock.Now().Add(keysRetry)
		return nil, a.failed
	}
	a.keys, a.loaded, a.failed = keys, now, nil
	return keys, nil
}

const (
	// keysTime bounds the query for the service keys.
	keysTime = 5 * time.Second
	// keysRetry is how long nobody asks after one that failed.
	keysRetry = 200 * time.Millisecond
)
