// Package creditsapi has the HTTP routes of the credit ledger: those of end
// users, and those of services, which exist under two prefixes.
package creditsapi

import (
	"net/http"
	"sync"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// maxBody is the largest body of a credit route, in bytes. It is some times
// larger than any valid request, so that the answer to a text that is too long
// can name that text.
const maxBody = 32 << 10

// Config configures the routes.
type Config struct {
	Out    *web.Responder
	Ledger *ledger.Ledger
	// DailyFree is how many free credits a day brings. Every answer with a
	// balance contains it.
	DailyFree int64
	// Users admits requests with a good access token, and puts the
	// identity.Caller into the context.
	Users web.Access
	// Keys checks the service keys.
	Keys *servicekey.Checker
}

// API has the routes of the credit ledger.
type API struct {
	config      Config
	unknownOnce sync.Once // the warning of a service that names no app
}

// New makes the routes.
func New(config Config) *API { return &API{config: config} }

// Routes are all routes of the ledger.
func (a *API) Routes() []web.Route {
	routes := a.userRoutes()
	for _, prefix := range []string{wire.CreditsPath, wire.InternalCreditsPath} {
		for _, s := range a.serviceRoutes() {
			route := web.Route{
				Pattern: s.method + " " + prefix + s.path, Access: a.service(s.operation), Limit: web.LimitDefault,
				Endpoint: s.endpoint, Answers: []web.Answer{s.answer}, Errors: s.errors,
			}
			if prefix == wire.CreditsPath && s.operation == servicekey.Use {
				route.Access = a.userOrService(s.operation)
				route.Endpoint = web.Either(isService, s.endpoint, web.BodyUpTo(maxBody, a.use))
			}
			routes = append(routes, route)
		}
	}
	return routes
}

// userRoutes are the routes of end users, without POST use, which they share
// with services.
func (a *API) userRoutes() []web.Route {
	user := a.user()
	return []web.Route{{
		Pattern: "GET " + wire.CreditsPath + "/balance", Access: user, Limit: web.LimitDefault,
		Endpoint: web.Plain(a.balance),
		Answers:  []web.Answer{balance},
		Errors:   []wire.Code{wire.NotFound},
	}, {
		Pattern: "GET " + wire.CreditsPath + "/transactions", Access: user, Limit: web.LimitDefault,
		Endpoint: web.WithQuery(a.transactions),
		Answers:  []web.Answer{transactions},
		Errors:   []wire.Code{wire.InvalidRequest, wire.ValidationFailed},
	}, {
		Pattern: "GET " + wire.CreditsPath + "/usage", Access: user, Limit: web.LimitDefault,
		Endpoint: web.WithQuery(a.usage),
		Answers:  []web.Answer{usages},
		Errors:   []wire.Code{wire.InvalidRequest, wire.ValidationFailed},
	}, {
		Pattern: "GET " + wire.CreditsPath + "/purchases", Access: user, Limit: web.LimitDefault,
		Endpoint: web.Plain(a.nothing),
		Answers:  []web.Answer{nothing},
	}, {
		Pattern: "GET " + wire.CreditsPath + "/packages", Access: web.Anyone, Limit: web.LimitDefault,
		Endpoint: web.Plain(a.nothing),
		Answers:  []web.Answer{nothing},
	}}
}

// serviceRoute is a route of services, which exists under both prefixes.
type serviceRoute struct {
	method, path string
	operation    string // that the service key has to allow
	endpoint     web.Endpoint
	answer       web.Answer
	errors       []wire.Code
}

func (a *API) serviceRoutes() []serviceRoute {
	return []serviceRoute{{
		method: "GET", path: "/balance/{userId}", operation: servicekey.Balance,
		endpoint: web.Before(checkPathUser, web.Plain(a.serviceBalance)), answer: balance,
		errors: []wire.Code{wire.ValidationFailed, wire.NotFound},
	}, {
		method: "GET", path: "/transactions/{userId}", operation: servicekey.History,
		endpoint: web.Before(checkPathUser, web.WithQuery(a.serviceTransactions)), answer: transactions,
		errors: []wire.Code{wire.InvalidRequest, wire.ValidationFailed},
	}, {
		method: "GET", path: "/usage/{userId}", operation: servicekey.Usage,
		endpoint: web.Before(checkPathUser, web.WithQuery(a.serviceUsage)), answer: usages,
		errors: []wire.Code{wire.InvalidRequest, wire.ValidationFailed},
	}, {
		method: "POST", path: "/init", operation: servicekey.Init,
		endpoint: web.BodyUpTo(maxBody, a.init), answer: balance,
		errors: []wire.Code{wire.NotFound},
	}, {
		method: "POST", path: "/use", operation: servicekey.Use,
		endpoint: web.BodyUpTo(maxBody, a.serviceUse), answer: moved,
		errors: []wire.Code{wire.InvalidRequest, wire.InsufficientCredits, wire.Forbidden, wire.NotFound, wire.IdempotencyKeyReused},
	}, {
		method: "POST", path: "/refund", operation: servicekey.Refund,
		endpoint: web.BodyUpTo(maxBody, a.refund), answer: moved,
		errors: []wire.Code{wire.InvalidRequest, wire.Forbidden, wire.NotFound, wire.Conflict, wire.IdempotencyKeyReused},
	}, {
		method: "POST", path: "/grant", operation: servicekey.Grant,
		endpoint: web.BodyUpTo(maxBody, a.grant), answer: web.Answer{Status: http.StatusOK, Body: wire.CreditGrantResponse{}},
		errors: []wire.Code{wire.InvalidRequest, wire.NotFound, wire.IdempotencyKeyReused},
	}, {
		method: "POST", path: "/reserve", operation: servicekey.Reserve,
		endpoint: web.BodyUpTo(maxBody, a.reserve), answer: web.Answer{Status: http.StatusOK, Body: wire.CreditReserveResponse{}},
		errors: []wire.Code{wire.InvalidRequest, wire.InsufficientCredits, wire.NotFound, wire.IdempotencyKeyReused},
	}, {
		method: "POST", path: "/commit", operation: servicekey.Commit,
		endpoint: web.BodyUpTo(maxBody, a.commit), answer: web.Answer{Status: http.StatusOK, Body: wire.CreditCommitResponse{}},
		errors: []wire.Code{wire.NotFound, wire.Conflict},
	}, {
		method: "POST", path: "/refund-reservation", operation: servicekey.Release,
		endpoint: web.BodyUpTo(maxBody, a.release), answer: web.Answer{Status: http.StatusOK, Body: wire.CreditReleaseResponse{}},
		errors: []wire.Code{wire.NotFound, wire.Conflict},
	}}
}

// The answers that several routes share.
var (
	balance      = web.Answer{Status: http.StatusOK, Body: wire.CreditBalance{}}
	moved        = web.Answer{Status: http.StatusCreated, Body: wire.CreditUseResponse{}}
	transactions = web.Answer{Status: http.StatusOK, Body: []wire.CreditTransaction{}, Headers: []string{wire.NextCursorHeader}}
	usages       = web.Answer{Status: http.StatusOK, Body: wire.CreditUsageResponse{}}
	nothing      = web.Answer{Status: http.StatusOK, Body: []struct{}{}}
)
