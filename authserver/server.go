package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/manacore/manacore-go/authserver/internal/background"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/postgres"
	"github.com/manacore/manacore-go/authserver/internal/store/sqlite"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

// Server is an open auth server.
type Server struct {
	store   store.Store
	handler http.Handler
	meter   *meter.Meter
	keys    *keys.Keeper
	people  *identity.Service
	guesses *guess.Guard
	work    *background.Group // what the server does by itself
	drains  *atomic.Bool
	feed    *feed.Hub
}

// Open opens the database, makes one where there is none, and loads the
// signing keys. It fails without a change to what is there if the
// configuration, the database or the key-encryption key is not good.
func Open(ctx context.Context, config Config) (*Server, error) {
	cfg, db, err := openConfigured(ctx, config)
	if err != nil {
		return nil, err
	}
	server, err := newServer(ctx, cfg, db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("authserver: %w", err), db.Close())
	}
	return server, nil
}

// openStore opens the database that the configuration names.
func openStore(ctx context.Context, cfg Config) (store.Store, error) {
	if cfg.Database.URL != "" {
		return postgres.Open(ctx, cfg.Database.URL)
	}
	return sqlite.Open(ctx, cfg.Database.SQLitePath)
}

// newServer puts a server together over an open store.
func newServer(ctx context.Context, cfg Config, db store.Store) (*Server, error) {
	counted := meter.New(cfg.Logger)
	hub := feed.New(feed.Config{KeepFor: cfg.Tokens.AccessTTL + revocation.Margin})
	keysOf := keysConfig(cfg, db, counted)
	keysOf.Changed = func(changes []wire.KeyChange) { hub.KeysChanged(cfg.Clock.Now(), changes) }
	keeper, err := keys.OpenKeeper(ctx, keysOf)
	if err != nil {
		return nil, err
	}
	access := accessTokens(cfg, keeper.Ring)
	away := &outages{Store: db, clock: cfg.Clock, grace: cfg.Sessions.RefreshGrace}
	revoked := revocation.New(revocation.Config{
		Source: away, Clock: cfg.Clock, Logger: cfg.Logger, Meter: counted,
		KeepFor: cfg.Tokens.AccessTTL + revocation.Margin, Feed: hub,
	})
	guesses, err := openGuesses(ctx, cfg, db, func() uint64 { return uint64(revoked.Life()) })
	if err != nil {
		return nil, err
	}
	hasher := password.New(cfg.Passwords.Concurrency, cfg.Passwords.Queue, cfg.Random)
	watchKeys(counted, cfg.Clock, access.Ring)
	watchHashing(counted, hasher)
	watchSessions(counted, cfg.Clock, cfg.Logger, db)
	out := &web.Responder{
		Log: cfg.Logger, Clock: cfg.Clock, Trusted: cfg.HTTP.TrustedProxies, Meter: counted,
		Generation: wire.Generation(cfg.WireGeneration),
		Busy:       []error{password.ErrBusy, groupcommit.ErrBusy},
	}
	work := background.New(background.Config{Clock: cfg.Clock, Logger: cfg.Logger})
	people := identity.New(identity.Config{
		Store: away, Access: access, Hasher: hasher, Guesses: guesses, Clock: cfg.Clock, Random: cfg.Random, Log: cfg.Logger,
		Revocations: revoked, Meter: counted, Outage: away.Last,
		Lifetimes: lifetimes(cfg), AccessTTL: cfg.Tokens.AccessTTL, RefreshGrace: cfg.Sessions.RefreshGrace,
		PasswordMinLength: cfg.Passwords.MinLength, ServiceNames: serviceNames(cfg), MaxSessions: cfg.Sessions.MaxPerUser, Lanes: lanes(cfg),
	})
	work.OnClose("refreshes", func() error { people.Close(); return nil })
	watchGuesses(work, guesses, people)
	books := ledger.New(ledger.Config{
		Store: db.Ledger(), Policy: ledgerPolicy(cfg.Credits),
		Now: cfg.Clock.Now, Random: cfg.Random, Log: cfg.Logger, Lanes: lanes(cfg),
	})
	work.OnClose("ledger", func() error { books.Close(); return nil })
	drains := new(atomic.Bool)
	handler, err := newHandler(cfg, handlerParts{
		drains: drains, out: out, people: people, books: books, access: access, revoked: revoked, counted: counted, db: db,
		hub: hub,
	})
	if err != nil {
		return nil, errors.Join(err, work.Close())
	}
	if err := revoked.Poll(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("revocations: %w", err), work.Close())
	}
	work.Every("poll revocations", revocation.PollInterval, revoked.Poll)
	work.Every("look for the database's return", returnInterval, away.lookForReturn)
	work.Every("forget revocations", revocation.ForgetInterval, revoked.Forget)
	work.Every("poll signing keys", keys.PollInterval, keeper.Poll)
	work.Every("sweep reservations", sweepEvery, sweeper{ledger: books, log: cfg.Logger}.run)
	tidySessions(cfg, work, people, counted)
	return &Server{store: db, handler: handler, meter: counted, keys: keeper, people: people, guesses: guesses, work: work, drains: drains, feed: hub}, nil
}

// tidySessions does in the background what the ends of sessions leave to do.
func tidySessions(cfg Config, work *background.Group, people *identity.Service, counted *meter.Meter) {
	work.Every("mark ended sessions", markEvery, marker{people: people, log: cfg.Logger, meter: counted}.run)
	if cfg.Sessions.Retention >= 0 {
		work.Every("purge sessions", purgeEvery, purge{
			people: people, clock: cfg.Clock, log: cfg.Logger, meter: counted, keep: cfg.Sessions.Retention,
		}.run)
	}
}

// Handler answers the server's routes. It is the same one at every call.
func (s *Server) Handler() http.Handler { return s.handler }

// Metrics answers any request with the server's metrics in the exposition
// format of Prometheus. Handler has no route to it: what it tells is for an
// operator and not for whoever reaches the server.
func (s *Server) Metrics() http.Handler { return web.Secure(s.meter.Handler()) }

// Drain makes the server say that it is not ready, and changes nothing else: a
// balancer sends its requests elsewhere, and those that still come are answered.
// Call it a few probes before the HTTP server is shut down.
func (s *Server) Drain() { s.drains.Store(true) }

// EndStreams ends the streams of the feed of revocations, and lets none begin.
// They would keep an HTTP server from shutting down, and an httptest.Server from
// closing: hand it to RegisterOnShutdown of an http.Server, or call it first.
func (s *Server) EndStreams() { s.feed.Close() }

// Close ends what the server does by itself and releases the database. Shut
// the HTTP server down first: requests under way are answered with 503 from
// here on.
func (s *Server) Close() error {
	s.feed.Close()
	return errors.Join(s.work.Close(), s.store.Close())
}

var _ io.Closer = (*Server)(nil)
