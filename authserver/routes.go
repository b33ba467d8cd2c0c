package authserver

import (
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/limit"
	"github.com/manacore/manacore-go/internal/wire"
)

// limits are the rate limits of the routes.
type limits struct{ login, register, usual func(endpoint) endpoint }

func unlimited(e endpoint) endpoint { return e }

func newLimits(cfg Config, o responder) limits {
	if cfg.RateLimitDisabled {
		return limits{login: unlimited, register: unlimited, usual: unlimited}
	}
	of := func(name string, l Limit) func(endpoint) endpoint {
		return limited(limit.New(name, l.Requests, l.Per), o)
	}
	return limits{
		login:    of("login", cfg.RateLimits.Login),
		register: of("register", cfg.RateLimits.Register),
		usual:    of("default", cfg.RateLimits.Default),
	}
}

// endpoints are the server's routes, each with the parts it uses.
type endpoints struct {
	register register
	login    login
	refresh  refresh
	logout   logout
	session  session
	guard    guard // of the routes that follow
	sessions userSessions
	account  account
	validate validate
	jwks     jwks
	health   health
	credits  credits
	person   person
	service  *serviceAuth
}

// route is one of the server's. A pattern with GET answers HEAD too.
type route struct {
	pattern string
	limit   func(endpoint) endpoint
	serve   endpoint
}

// handler is the whole server as one handler.
func (e endpoints) handler(cfg Config, o responder) http.Handler {
	limit := newLimits(cfg, o)
	mux := http.NewServeMux()
	routes := []route{
		{"POST " + wire.RegisterPath, limit.register, e.register.serve},
		{"POST " + wire.LoginPath, limit.login, e.login.serve},
		{"POST " + wire.RefreshPath, limit.usual, e.refresh.serve},
		{"POST " + wire.LogoutPath, limit.usual, e.logout.serve},
		{"GET " + wire.SessionPath, limit.usual, e.session.serve},
		{"GET " + wire.SessionsPath, limit.usual, e.guard.route(e.sessions.list)},
		{"DELETE " + wire.SessionsPath + "/{id}", limit.usual, e.guard.route(e.sessions.revoke)},
		{"GET " + wire.SecurityEventsPath, limit.usual, e.guard.route(e.account.securityEvents)},
		{"POST " + wire.ChangePasswordPath, limit.usual, e.guard.route(e.account.changePassword)},
		{"DELETE " + wire.AccountPath, limit.usual, e.guard.route(e.account.remove)},
		{"POST " + wire.ValidatePath, unlimited, e.validate.serve},
		{"GET " + wire.JWKSPath, unlimited, e.jwks.serve},
		{"GET " + wire.HealthPath, unlimited, e.health.plain},
		{"GET " + wire.HealthPath + "/live", unlimited, e.health.live},
		{"GET " + wire.HealthPath + "/ready", unlimited, e.health.ready},
		{"GET /health", unlimited, e.health.plain},
		{"GET /health/live", unlimited, e.health.live},
		{"GET /health/ready", unlimited, e.health.ready},
	}
	for _, route := range append(routes, e.creditRoutes(limit.usual)...) {
		mux.Handle(route.pattern, o.answer(route.limit(route.serve)))
	}
	// Everything else, a known path with another method included: the
	// existing service has no 405.
	unknown := o.answer(func(_ http.ResponseWriter, r *http.Request) error {
		return fail(wire.NotFound, "Cannot "+r.Method+" "+r.URL.EscapedPath())
	})
	mux.Handle("/", unknown)

	allowOrigins := crossOrigin(cfg.CORSOrigins)
	around := func(h http.Handler) http.Handler {
		return logged(o, secure(allowOrigins(recovered(o, h))))
	}
	return plainPath(around(mux), around(unknown))
}
