package authserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// keyInterval is how often a server reads the signing keys.
	keyInterval = time.Second
	// maxSteps is how many steps it takes at once: more than a rotation has.
	maxSteps = 5
)

// keyring is the signing keys as the server last read them. It reads them
// again and again, and takes the step of a rotation that is due, unless
// another server on the database was first.
type keyring struct {
	store store.Keys
	clock Clock
	log   *slog.Logger
	kek   []byte
	rules keys.Rules
	// meter is set before the first look. Nil: nothing is counted.
	meter *meter.Meter
	ring  atomic.Pointer[keys.Ring]

	// Of look, which is not called twice at a time.
	signing string // kid of the key that signed at the last look
	failing bool
}

// now is the set of keys that was read last. Where the database does not
// answer, that one stands.
func (k *keyring) now() *keys.Ring { return k.ring.Load() }

// openKeyring reads the signing keys, and makes the first one where the
// database has none. The key file is made only then: with keys in the
// database, a missing one is an error. Nothing is written unless the
// key-encryption key opens what is there.
func openKeyring(ctx context.Context, cfg Config, db store.Keys) (*keyring, error) {
	rows, err := db.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	kek, from, err := keyEncryptionKey(cfg, len(rows) == 0)
	if err != nil {
		return nil, err
	}
	k := &keyring{store: db, clock: cfg.Clock, log: cfg.Logger, kek: kek, rules: keyRules(cfg, kek)}
	if len(rows) == 0 {
		if err := change(ctx, db, cfg.Clock, k.rules.First); err != nil {
			return nil, fmt.Errorf("first signing key: %w", err)
		}
	}
	if err := k.read(ctx); err != nil {
		return nil, fmt.Errorf("%w (the key-encryption key is from %s)", err, from)
	}
	return k, nil
}

// keyRules are the rules of the configuration.
func keyRules(cfg Config, kek []byte) keys.Rules {
	return keys.Rules{
		Every:    cfg.KeyRotation,
		TokenTTL: cfg.AccessTokenTTL,
		Make: func(now time.Time) (store.Key, error) {
			kid, err := secret.NewID(cfg.Random)
			if err != nil {
				return store.Key{}, err
			}
			return keys.New(kid, kek, cfg.Random, now)
		},
	}
}

// keyEncryptionKey finds the key-encryption key and says where it is from.
func keyEncryptionKey(cfg Config, create bool) (kek []byte, from string, err error) {
	if len(cfg.KeyEncryptionKey) > 0 {
		return cfg.KeyEncryptionKey, "the configuration", nil
	}
	path := cfg.SQLitePath + ".key"
	kek, err = keys.ReadKEK(path)
	switch {
	case errors.Is(err, keys.ErrNoKeyFile) && create:
		kek, err = keys.CreateKEK(path, cfg.Random)
	case errors.Is(err, keys.ErrNoKeyFile):
		err = fmt.Errorf("%w, but %s holds signing keys that it seals: restore the file, or set the key-encryption key", err, cfg.SQLitePath)
	}
	return kek, path, err
}

// change has a rule decide about the keys, at the moment at which it sees them.
func change(ctx context.Context, db store.Keys, clock Clock, rule func([]store.Key, time.Time) (store.KeyChange, error)) error {
	return db.ChangeKeys(ctx, func(rows []store.Key) (store.KeyChange, error) { return rule(rows, clock.Now()) })
}

// read reads the keys and takes the steps that are due, one after the other:
// each is decided anew by what was stored before it, and published here before
// the next one is looked for.
func (k *keyring) read(ctx context.Context) error {
	for range maxSteps {
		now := k.clock.Now() // before the read: the keys are at least as young
		rows, err := k.store.SigningKeys(ctx)
		if err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
		ring, err := keys.Load(rows, k.kek, now)
		if err != nil {
			return err
		}
		k.replace(ring, now)
		next, err := k.rules.Next(rows, now)
		if err != nil {
			return fmt.Errorf("next signing key: %w", err)
		}
		if len(next.Put) == 0 {
			return nil
		}
		if err := change(ctx, k.store, k.clock, k.rules.Next); err != nil {
			return fmt.Errorf("next signing key: %w", err)
		}
	}
	return nil // the rest at the next look
}

// look is one of the looks at the keys that the server takes by itself. The
// log hears of a fault when it begins and when it is over.
func (k *keyring) look(ctx context.Context) error {
	err := k.read(ctx)
	if err != nil && ctx.Err() == nil {
		k.meter.StoreError(meter.PartKeys)
	}
	switch {
	case ctx.Err() != nil: // the server ends
	case err != nil && !k.failing:
		k.failing = true
		k.log.ErrorContext(ctx, "signing keys could not be read: the last good ones stand", "error", err)
	case err == nil && k.failing:
		k.failing = false
		k.log.InfoContext(ctx, "signing keys can be read again")
	}
	return err
}

// replace puts a new set in the place of the old one and logs what differs.
func (k *keyring) replace(ring *keys.Ring, now time.Time) {
	old := k.ring.Swap(ring)
	if old != nil {
		for _, kid := range ring.Published() {
			if !old.Publishes(kid) {
				k.log.Info("signing key is published", "kid", kid)
			}
		}
		for _, kid := range old.Published() {
			if !ring.Publishes(kid) {
				k.log.Info("signing key is not published any more", "kid", kid)
			}
		}
	}
	if key, err := ring.Signing(now); err == nil && key.ID != k.signing {
		k.signing = key.ID
		k.log.Info("signing key signs from now on", "kid", key.ID)
	}
}
