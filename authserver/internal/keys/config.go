package keys

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Config is what a Keeper and an Operator are made of.
type Config struct {
	Store store.Keys
	Clock clock.Clock
	// Random is the source of keys and kids; safe for concurrent use.
	Random io.Reader
	// KEK says where the key-encryption key is.
	KEK KEKSource
	// Every and TokenTTL are those of Rules.
	Every    time.Duration
	TokenTTL time.Duration
	// Logger is for a Keeper.
	Logger *slog.Logger
	// Meter is for a Keeper. Nil: nothing is counted.
	Meter *meter.Meter
}

// rules are those of the configuration, which seal new keys with kek.
func (c Config) rules(kek []byte) Rules {
	return Rules{
		Every:    c.Every,
		TokenTTL: c.TokenTTL,
		Make: func(now time.Time) (store.Key, error) {
			kid, err := secret.NewID(c.Random)
			if err != nil {
				return store.Key{}, err
			}
			return New(kid, kek, c.Random, now)
		},
	}
}

// rule is one of the methods of Rules.
type rule func(rows []store.Key, now time.Time) (store.KeyChange, error)

// change has a rule decide about the keys, at the moment at which it sees them.
func change(ctx context.Context, db store.Keys, clock clock.Clock, decide rule) error {
	return db.ChangeKeys(ctx, func(rows []store.Key) (store.KeyChange, error) { return decide(rows, clock.Now()) })
}
