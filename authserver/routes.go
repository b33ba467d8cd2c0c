package authserver

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/authapi"
	"github.com/manacore/manacore-go/authserver/internal/creditsapi"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/feedapi"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/limit"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/status"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/token"
	"github.com/manacore/manacore-go/authserver/internal/web"
)

// limiters are the rate limits by the names that routes give them.
func limiters(cfg Config) map[web.Limit]web.Limiter {
	all := map[web.Limit]web.Limiter{web.LimitLogin: nil, web.LimitRegister: nil, web.LimitDefault: nil, web.LimitHeavy: nil, web.LimitService: nil}
	if cfg.HTTP.RateLimitsDisabled {
		return all
	}
	for name, l := range map[web.Limit]Limit{
		web.LimitLogin: cfg.HTTP.RateLimits.Login, web.LimitRegister: cfg.HTTP.RateLimits.Register, web.LimitDefault: cfg.HTTP.RateLimits.Default,
		web.LimitHeavy: cfg.HTTP.RateLimits.Heavy, web.LimitService: cfg.HTTP.RateLimits.Service,
	} {
		if l != (Limit{}) {
			all[name] = limit.New(string(name), l.Requests, l.Per)
		}
	}
	return all
}

// handlerParts are what the server's routes use.
type handlerParts struct {
	out     *web.Responder
	people  *identity.Service
	books   *ledger.Ledger
	access  token.Access
	revoked *revocation.Log
	counted *meter.Meter
	db      store.Store
	hub     *feed.Hub
	drains  *atomic.Bool // whether the server is about to end
}

// newHandler mounts the routes of authapi, creditsapi, feedapi and status.
func newHandler(cfg Config, p handlerParts) (http.Handler, error) {
	auth := authapi.New(authapi.Config{
		Out: p.out, Identity: p.people,
		Verdicts: revocation.NewVerdicts(revocation.VerdictsConfig{Access: p.access, Live: p.people.Live, Clock: cfg.Clock, Log: p.revoked}),
		KeySet:   func() ([]byte, string) { return p.access.Ring().JWKS() },
		Counted:  p.counted.Verdict, PasswordMinLength: cfg.Passwords.MinLength,
	})
	services := servicekey.NewChecker(servicekey.CheckerConfig{
		Now: cfg.Clock.Now, Known: knownKeys(cfg.Clock, cfg.Logger, p.db).Get,
		Single: cfg.Credits.ServiceKey, SingleOperations: cfg.Credits.ServiceKeyOperations,
	})
	credits := creditsapi.New(creditsapi.Config{
		Out: p.out, Ledger: p.books, DailyFree: cfg.Credits.DailyFree, Users: auth.Users(), Keys: services,
	})
	limits := limiters(cfg)
	revocations := feedapi.New(feedapi.Config{
		Out: p.out, Hub: p.hub, Places: feed.NewPlaces(cfg.Feed.Streams), Clock: cfg.Clock, Keys: services, Heavy: limits[web.LimitHeavy],
		KeyRequired: cfg.Feed.ServiceKeyRequired, Trusted: cfg.Feed.Trusted,
	})
	database := pinger(cfg.Clock, cfg.Logger, p.counted, p.db.Ready)
	health := status.New(status.Config{
		Out: p.out, Draining: p.drains.Load,
		Database:    func(ctx context.Context) error { _, err := database.Get(ctx); return err },
		Keys:        func(now time.Time) error { return p.access.Ring().Ready(now) },
		Revocations: p.revoked.Knows,
	})
	return web.Handler(web.Config{
		Responder: p.out, Limits: limits, CORSOrigins: cfg.HTTP.CORSOrigins,
		Routes: slices.Concat(auth.Routes(), credits.Routes(), revocations.Routes(), health.Routes()),
	})
}

func lifetimes(cfg Config) identity.Lifetimes {
	return identity.Lifetimes{Idle: cfg.Sessions.RefreshTTL, Remembered: cfg.Sessions.RememberMeTTL, Absolute: cfg.Sessions.TTL}
}

// serviceNames are what a user may call this service.
func serviceNames(cfg Config) []string {
	return append([]string{"manacore"}, cfg.Passwords.ServiceNames...)
}

// lanes is how many transactions of one kind run at once. With PostgreSQL, one
// works while the other waits for the disk. SQLite has only one writer.
func lanes(cfg Config) int {
	if cfg.Database.URL != "" {
		return 2
	}
	return 1
}
