package keys

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// Store is what the keys need of a database.
type Store interface {
	store.Keys
	store.Transactions
}

// Config configures a Keeper and an Operator.
type Config struct {
	Store Store
	Clock clock.Clock
	// Random is the source of keys and kids. It has to be safe for concurrent
	// use.
	Random io.Reader
	// KEK says where the key-encryption key is.
	KEK KEKSource
	// Every and TokenTTL are those of Rules.
	Every    time.Duration
	TokenTTL time.Duration
	// Logger is the log of a Keeper.
	Logger *slog.Logger
	// Meter counts the failed polls of a Keeper. Nil means that nothing is
	// counted.
	Meter *meter.Meter
	// Changed is called by a Keeper with what has changed in the JWKS. Nil means
	// that nobody is told.
	Changed func([]wire.KeyChange)
}

// rules returns the rules of the configuration, which seal new keys with kek.
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
type rule func(rows []store.Key, now time.Time) (Change, error)

// change lets a rule decide about the keys that it reads at that moment, and
// stores what the rule decides. Only one caller at a time, of all servers, does
// so. kek is the key-encryption key with which the rule seals: where it does not
// open the keys that are there, because they were resealed since it was looked
// at, no row is stored that it seals.
func change(ctx context.Context, config Config, kek []byte, decide rule) error {
	return config.Store.Tx(ctx, func(tx store.Tx) error {
		rows, err := tx.LockKeys()
		if err != nil {
			return err
		}
		change, err := decide(rows, config.Clock.Now())
		if err != nil {
			return err
		}
		if len(rows) > 0 && slices.ContainsFunc(change.Put, func(key store.Key) bool { return !holds(rows, key.PrivateKey) }) {
			if err := Opens(rows, kek); err != nil {
				return err
			}
		}
		for _, key := range change.Put {
			if err := tx.PutKey(key); err != nil {
				return err
			}
		}
		for _, kid := range change.Drop {
			if err := tx.DropKey(kid); err != nil {
				return err
			}
		}
		return nil
	})
}

// holds reports whether a private key is that of a row, or wiped.
func holds(rows []store.Key, private string) bool {
	return private == "" || slices.ContainsFunc(rows, func(row store.Key) bool { return row.PrivateKey == private })
}
