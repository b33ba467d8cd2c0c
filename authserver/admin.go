package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Admin is an operator's access to a server's database. Servers may be
// running on it meanwhile: they see what was changed within seconds.
type Admin struct {
	config Config
	store  store.Store
	people *identity.Service
}

// OpenAdmin opens the database that the configuration names, as Open does, and
// serves nothing. Only operations that need the signing keys or the key-encryption
// key read them.
func OpenAdmin(ctx context.Context, config Config) (*Admin, error) {
	cfg, db, err := openConfigured(ctx, config)
	if err != nil {
		return nil, err
	}
	people := identity.New(identity.Config{
		Store: db, Hasher: password.New(1, 0, cfg.Random), Clock: cfg.Clock, Random: cfg.Random, Log: cfg.Logger,
		Lifetimes: lifetimes(cfg), PasswordMinLength: cfg.Passwords.MinLength, ServiceNames: serviceNames(cfg),
	})
	return &Admin{config: cfg, store: db, people: people}, nil
}

// Close releases the database.
func (a *Admin) Close() error {
	a.people.Close()
	if err := a.store.Close(); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

var _ io.Closer = (*Admin)(nil)

// openConfigured checks a configuration, fills in the defaults and opens the
// database. The clock that it returns follows the database's.
func openConfigured(ctx context.Context, config Config) (Config, store.Store, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return Config{}, nil, err
	}
	if err := checkMissing(cfg); err != nil {
		return Config{}, nil, fmt.Errorf("authserver: %w", err)
	}
	db, err := openStore(ctx, cfg)
	if err != nil {
		return Config{}, nil, fmt.Errorf("authserver: %w", err)
	}
	common := clock.NewCommon(cfg.Clock)
	cfg.Clock, db = common, observe(db, common, cfg.Logger)
	if _, err := db.Revocations(ctx, store.Mark{}, cfg.Clock.Now()); err != nil { // for the time
		return Config{}, nil, errors.Join(fmt.Errorf("authserver: %w", err), db.Close())
	}
	return cfg, db, nil
}
