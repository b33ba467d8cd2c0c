package creditsapi

import (
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

// service admits services whose key allows the operation. Admitted requests are
// not limited, and refused ones count against the limit.
func (a *API) service(operation string) web.Access {
	return web.Access{
		Name:    "service",
		Admit:   func(r *http.Request) (context.Context, error) { return a.admitService(r, operation) },
		Trusted: hasServiceKey,
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
		Trusted: hasServiceKey,
		Errors:  union(user.Errors, service.Errors),
	}
}

func hasServiceKey(r *http.Request) bool { return r.Header.Get(wire.ServiceKeyHeader) != "" }

// admitService checks the service key of a request and returns the context in
// which appFrom finds its app.
func (a *API) admitService(r *http.Request, operation string) (context.Context, error) {
	keys, apps := r.Header.Values(wire.ServiceKeyHeader), r.Header.Values(wire.AppIDHeader)
	switch {
	case !hasServiceKey(r):
		return nil, web.Fail(wire.Unauthorized, "No service key provided")
	case r.Header.Get("Authorization") != "":
		return nil, errTwoCredentials
	case len(keys) > 1 || len(apps) != 1 || !form.IsAppID(apps[0]):
		return nil, web.Fail(wire.InvalidRequest, "One "+wire.ServiceKeyHeader+" and one "+wire.AppIDHeader+" header are required")
	}
	err := a.config.Keys.Admit(r.Context(), keys[0], apps[0], operation)
	switch {
	case errors.Is(err, servicekey.ErrUnknown):
		return nil, web.Fail(wire.Unauthorized, "Invalid service key")
	case errors.Is(err, servicekey.ErrNotAllowed):
		return nil, web.Fail(wire.Forbidden, "The service key does not allow "+operation)
	case err != nil:
		return nil, err
	}
	return context.WithValue(r.Context(), appKey{}, apps[0]), nil
}

type appKey struct{}

// appFrom is the id of the app whose service was admitted. It is empty where no
// service was.
func appFrom(ctx context.Context) string {
	appID, _ := ctx.Value(appKey{}).(string)
	return appID
}

// isService reports whether an admitted request is a service's.
func isService(r *http.Request) bool { return appFrom(r.Context()) != "" }

func union(a, b []wire.Code) []wire.Code {
	all := slices.Clone(a)
	for _, code := range b {
		if !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	return all
}
