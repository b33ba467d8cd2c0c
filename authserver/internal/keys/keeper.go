package keys

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/meter"
)

const (
	// PollInterval is how often a server is to poll the signing keys.
	PollInterval = time.Second
	// maxSteps is how many steps a poll takes: more than a rotation has.
	maxSteps = 5
)

// Keeper has the signing keys as they were last read. Each poll reads them
// again, and takes the step of a rotation that is due, unless another server on
// the database was first.
type Keeper struct {
	config Config
	kek    []byte
	rules  Rules
	ring   atomic.Pointer[Ring]

	// Of Poll, which is not called twice at a time.
	signing string // kid of the key that signed at the last poll
	failing bool
}

// OpenKeeper reads the signing keys, and makes the first one where the
// database has none. The key file is made only then: with keys in the
// database, a missing one is an error. Nothing is written unless the
// key-encryption key opens what is there.
func OpenKeeper(ctx context.Context, config Config) (*Keeper, error) {
	rows, err := config.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	find := config.KEK.find
	if len(rows) == 0 {
		find = func() ([]byte, string, error) { return config.KEK.findOrCreate(config.Random) }
	}
	kek, from, err := find()
	if err != nil {
		return nil, err
	}
	k := &Keeper{config: config, kek: kek, rules: config.rules(kek)}
	if len(rows) == 0 {
		if err := change(ctx, config.Store, config.Clock, k.rules.First); err != nil {
			return nil, fmt.Errorf("first signing key: %w", err)
		}
	}
	if err := k.read(ctx); err != nil {
		return nil, fmt.Errorf("%w (the key-encryption key is from %s)", err, from)
	}
	return k, nil
}

// Ring is the set of keys that was read last. Where the database does not
// answer, that one stands.
func (k *Keeper) Ring() *Ring { return k.ring.Load() }

// Poll reads the keys and takes the steps that are due. It is not to be called
// twice at a time. The log has an error when a fault begins and a line when it is
// over.
func (k *Keeper) Poll(ctx context.Context) error {
	err := k.read(ctx)
	if err != nil && ctx.Err() == nil {
		k.config.Meter.StoreError(meter.PartKeys)
	}
	switch {
	case ctx.Err() != nil: // the server ends
	case err != nil && !k.failing:
		k.failing = true
		k.config.Logger.ErrorContext(ctx, "signing keys could not be read: the last good ones stand", "error", err)
	case err == nil && k.failing:
		k.failing = false
		k.config.Logger.InfoContext(ctx, "signing keys can be read again")
	}
	return err
}

// read reads the keys and takes the steps that are due, one after the other:
// each is decided anew by what was stored before it, and published here before
// the next one is looked for.
func (k *Keeper) read(ctx context.Context) error {
	for range maxSteps {
		now := k.config.Clock.Now() // before the read: the keys are at least as young
		rows, err := k.config.Store.SigningKeys(ctx)
		if err != nil {
			return fmt.Errorf("signing keys: %w", err)
		}
		ring, err := Load(rows, k.kek, now)
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
		if err := change(ctx, k.config.Store, k.config.Clock, k.rules.Next); err != nil {
			return fmt.Errorf("next signing key: %w", err)
		}
	}
	return nil // the rest at the next poll
}

// replace puts a new set in the place of the old one and logs what differs.
func (k *Keeper) replace(ring *Ring, now time.Time) {
	old, log := k.ring.Swap(ring), k.config.Logger
	if old != nil {
		for _, kid := range ring.Published() {
			if !old.Publishes(kid) {
				log.Info("signing key is published", "kid", kid)
			}
		}
		for _, kid := range old.Published() {
			if !ring.Publishes(kid) {
				log.Info("signing key is not published any more", "kid", kid)
			}
		}
	}
	if key, err := ring.Signing(now); err == nil && key.ID != k.signing {
		k.signing = key.ID
		log.Info("signing key signs from now on", "kid", key.ID)
	}
}
