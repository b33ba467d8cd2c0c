package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/store/postgres"
	"github.com/manacore/manacore-go/authserver/internal/store/sqlite"
	"github.com/manacore/manacore-go/authserver/internal/token"
)

// Server is an open auth server.
type Server struct {
	store   store.Store
	handler http.Handler
	metrics *metrics
	keys    *keyring
	end     func() // of what the server does by itself
	drain   func() // what waits to be committed; nothing is taken any more
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
	if cfg.DatabaseURL != "" {
		return postgres.Open(ctx, cfg.DatabaseURL)
	}
	return sqlite.Open(ctx, cfg.SQLitePath)
}

// newServer puts a server together over an open store.
func newServer(ctx context.Context, cfg Config, db store.Store) (*Server, error) {
	keys, err := openKeyring(ctx, cfg, db)
	if err != nil {
		return nil, err
	}
	access := token.Access{Ring: keys.now, Issuer: cfg.Issuer, Audience: cfg.Audience}
	hasher := password.New(cfg.Hashing.Concurrency, cfg.Hashing.Queue, cfg.Random)
	tokens := issuer{
		access: access, clock: cfg.Clock, random: cfg.Random, trusted: cfg.TrustedProxies,
		accessTTL: cfg.AccessTokenTTL,
		lifetimes: store.Lifetimes{Idle: cfg.RefreshTokenTTL, Remembered: cfg.RememberMeTTL, Absolute: cfg.SessionTTL},
	}
	counted := newMetrics()
	counted.watchKeys(cfg.Clock, access.Ring)
	counted.watchHashing(hasher)
	counted.watchSessions(cfg.Clock, cfg.Logger, db)
	keys.metrics = counted
	revoked := newRevocations(db, cfg.Clock, cfg.Logger)
	revoked.metrics = counted
	out := responder{log: cfg.Logger, clock: cfg.Clock, trusted: cfg.TrustedProxies, metrics: counted}
	who := guard{out, db, access}
	books, rotations := openBooks(cfg, db), openRotations(cfg, db)
	drain := func() { books.close(); rotations.close() }
	handler := endpoints{
		register: register{out, db, hasher, tokens, cfg.PasswordMinLength},
		login:    login{out, db, db, hasher, tokens},
		refresh:  refresh{out, rotations, tokens, cfg.RefreshGrace, revoked},
		logout:   logout{out, db, access, tokens, revoked},
		session:  session{out, who},
		guard:    who,
		sessions: userSessions{out, db, tokens, revoked},
		account:  account{out, db, db, hasher, tokens, revoked, cfg.PasswordMinLength},
		validate: validate{out, newVerdicts(access, db, cfg.Clock, revoked)},
		jwks:     jwks{access.Ring},
		health:   health{out, &lookout{out: out, ping: db.Ping}, access.Ring},
		credits:  credits{out, books.Ledger, cfg.Credits.DailyFree},
		person:   person{who},
		service:  newServiceAuth(cfg, db),
	}.handler(cfg, out)
	endLooks, err := revoked.start(ctx)
	if err != nil {
		drain()
		return nil, fmt.Errorf("revocations: %w", err)
	}
	endKeys := every(cfg.Clock, keyInterval, keys.look)
	endPurge := purge{db, cfg.Clock, cfg.Logger, counted, cfg.SessionRetention}.start()
	return &Server{
		store: db, handler: handler, metrics: counted,
		keys: keys, end: func() { endLooks(); endKeys(); endPurge() }, drain: drain,
	}, nil
}

// Handler answers the server's routes. It is the same one at every call.
func (s *Server) Handler() http.Handler { return s.handler }

// Metrics answers any request with the server's metrics in the exposition
// format of Prometheus. Handler has no route to it: what it tells is for an
// operator and not for whoever reaches the server.
func (s *Server) Metrics() http.Handler { return s.metrics.handler() }

// Close ends what the server does by itself and releases the database. Shut
// the HTTP server down first: requests under way are answered with 503 from
// here on.
func (s *Server) Close() error {
	s.end()
	s.drain()
	return s.store.Close()
}

var _ io.Closer = (*Server)(nil)
