package authserver

import (
	"github.com/manacore/manacore-go/authserver/internal/limit"
	"github.com/manacore/manacore-go/authserver/internal/web"
)

// limiters are the rate limits by the names that routes give them.
func limiters(cfg Config) map[web.Limit]web.Limiter {
	all := map[web.Limit]web.Limiter{web.LimitLogin: nil, web.LimitSignup: nil, web.LimitDefault: nil}
	if cfg.RateLimitDisabled {
		return all
	}
	for name, l := range map[web.Limit]Limit{
		web.LimitLogin: cfg.RateLimits.Login, web.LimitSignup: cfg.RateLimits.Register, web.LimitDefault: cfg.RateLimits.Default,
	} {
		all[name] = limit.New(string(name), l.Requests, l.Per)
	}
	return all
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
	credits  []web.Route
}

func (e endpoints) routes() []web.Route {
	users := e.guard.users(textInvalidToken)
	routes := []web.Route{
		e.register.route(), e.login.route(), e.refresh.route(), e.logout.route(), e.session.route(), e.validate.route(), e.jwks.route(),
	}
	for _, more := range [][]web.Route{e.sessions.routes(users), e.account.routes(users), e.health.routes(), e.credits} {
		routes = append(routes, more...)
	}
	return routes
}
