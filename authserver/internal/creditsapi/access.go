package creditsapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

var errTwoCredentials = web.Fail(wire.InvalidRequest, "Send either an access token or a service key")

// user admits requests with a good access token and without a service key.
func (a *API) user() web.Access {
	access := a.config.Users
	admit := access.Admit
	access.Admit = func(r *http.Request) (context.Context, error) {
		if hasServiceKey(r) {
			return nil, errTwoCredentials
		}
		return admit(r)
	}
	access.Errors = union(access.Errors, []wire.Code{wire.InvalidRequest})
	return access
}

// service admits services whose key allows the operation. Admitted requests
// count against their app, and refused ones against their address.
func (a *API) service(operation string) web.Access {
	return web.Access{
		Name:    "service",
		Admit:   func(r *http.Request) (context.Context, error) { return a.admitService(r, operation) },
		Subject: func(ctx context.Context) (string, web.Limit) { return "app " + appFrom(ctx), web.LimitService },
		Errors:  []wire.Code{wire.InvalidRequest, wire.Unauthorized, wire.Forbidden},
	}
}

// userOrService admits users and services. A request with a service key is
// checked as a service's.
func (a *API) userOrService(operation string) web.Access {
	user, service := a.user(), a.service(operation)
	return web.Access{
		Name: user.Name + " or " + service.Name,
		Admit: func(r *http.Request) (context.Context, error) {
			if hasServiceKey(r) {
				return service.Admit(r)
			}
			return user.Admit(r)
		},
		Subject: func(ctx context.Context) (string, web.Limit) {
			if _, ok := serviceFrom(ctx); ok {
				return service.Subject(ctx)
			}
			return user.Subject(ctx)
		},
		Errors: union(user.Errors, service.Errors),
	}
}

// hasServiceKey reports whether a request is a service's, be its key good or not.
func hasServiceKey(r *http.Request) bool {
	return slices.ContainsFunc(r.Header.Values(wire.ServiceKeyHeader), func(key string) bool { return key != "" })
}

// admitService checks the service key of a request and returns the context in
// which serviceFrom finds the service.
func (a *API) admitService(r *http.Request, operation string) (context.Context, error) {
	keys, apps := r.Header.Values(wire.ServiceKeyHeader), r.Header.Values(wire.AppIDHeader)
	_, authorization := wire.Bearer(r.Header.Values("Authorization"))
	appID := "" // clients in the field send an empty one, or none
	if len(apps) > 0 {
		appID = apps[0]
	}
	switch {
	case !hasServiceKey(r):
		return nil, web.Fail(wire.Unauthorized, "No service key provided")
	case authorization != wire.NoAuthorization:
		return nil, errTwoCredentials
	case len(keys) > 1 || len(apps) > 1 || appID != "" && !form.IsAppID(appID):
		return nil, web.Fail(wire.InvalidRequest, "One "+wire.ServiceKeyHeader+" and at most one "+wire.AppIDHeader+" header are allowed")
	}
	appID, err := a.config.Keys.Admit(r.Context(), keys[0], appID, operation)
	if err != nil {
		return nil, a.keyRefused(r, err, operation)
	}
	return context.WithValue(r.Context(), serviceKey{}, service{appID}), nil
}

// keyRefused turns a refusal of a service key into the answer to it. Every other
// error is returned.
func (a *API) keyRefused(r *http.Request, err error, operation string) error {
	var other *servicekey.OtherAppError
	switch {
	case errors.As(err, &other):
		a.config.Out.Log.WarnContext(r.Context(), "a service key came with the id of another app",
			"key_app", other.KeysApp, "named_app", other.NamedApp, "operation", operation)
		return web.Fail(wire.Unauthorized, "Invalid service key")
	case errors.Is(err, servicekey.ErrUnknown):
		return web.Fail(wire.Unauthorized, "Invalid service key")
	case errors.Is(err, servicekey.ErrSingleNotAllowed):
		return web.Fail(wire.Forbidden, "The service key does not allow "+operation+": MANA_CORE_SERVICE_KEY_OPERATIONS says what it allows")
	case errors.Is(err, servicekey.ErrNotAllowed):
		return web.Fail(wire.Forbidden, "The service key does not allow "+operation)
	}
	return err
}

// service is a service that was admitted.
type service struct {
	appID string // empty: the single key came without the id of an app
}

// app is the app of a request that names none itself.
func (s service) app() string { return cmp.Or(s.appID, servicekey.UnknownApp) }

type serviceKey struct{}

// serviceFrom is the service that was admitted. ok is false where none was.
func serviceFrom(ctx context.Context) (s service, ok bool) {
	s, ok = ctx.Value(serviceKey{}).(service)
	return s, ok
}

// appFrom is the id of the app whose service was admitted.
func appFrom(ctx context.Context) string {
	s, _ := serviceFrom(ctx)
	return s.app()
}

// isService reports whether an admitted request is a service's.
func isService(r *http.Request) bool {
	_, ok := serviceFrom(r.Context())
	return ok
}

func union(a, b []wire.Code) []wire.Code {
	all := slices.Clone(a)
	for _, code := range b {
		if !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	return all
}
