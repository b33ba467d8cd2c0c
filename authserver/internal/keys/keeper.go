package keys

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// PollInterval is how often a server polls the signing keys.
	PollInterval = time.Second
	// maxSteps is the most steps that one poll takes. A rotation has fewer.
	maxSteps = 5
)

// Keeper has the signing keys as they were last read. Each poll reads them
// again, and takes the step of a rotation that is due, unless another server on
// the database has taken it.
type Keeper struct {
	config Config
	kek    []byte
	rules  Rules
	ring   atomic.Pointer[Ring]

	// These two belong to Poll, which is not called concurrently.
	signing string // kid of the key that signed at the last poll
	failing bool
}

// OpenKeeper reads the signing keys, and makes the first one where the database
// has none. The key file is made only then. Where the database has keys, a
// missing key file is an error. Nothing is written unless the key-encryption
// key opens the keys that are there.
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
		if err := change(ctx, config, kek, k.rules.First); err != nil {
			return nil, fmt.Errorf("first signing key: %w", err)
		}
	}
	if err := k.read(ctx); err != nil {
		return nil, fmt.Errorf("%w (the key-encryption key is from %s)", err, from)
	}
	return k, nil
}

// Ring is the set of keys that was read last. It stays while the database does
// not answer.
func (k *Keeper) Ring() *Ring { return k.ring.Load() }

// Poll reads the keys and takes the steps that are due. It must not be called
// concurrently. It logs an error when a fault begins and a line when the fault
// is over.
func (k *Keeper) Poll(ctx context.Context) error {
	err := k.read(ctx)
	if err != nil && ctx.Err() == nil {
		k.config.Meter.StoreError(meter.PartKeys)
	}
	switch {
	case ctx.Err() != nil: // the server is closing
	case err != nil && !k.failing:
		k.failing = true
		k.config.Logger.ErrorContext(ctx, "signing keys could not be read: the last good ones stand", "error", err)
	case err == nil && k.failing:
		k.failing = false
		k.config.Logger.InfoContext(ctx, "signing keys can be read again")
	}
	return err
}

// read reads the keys and takes the steps that are due, one after the other.
// Before each step it reads the keys again and publishes them on this server.
func (k *Keeper) read(ctx context.Context) error {
	for range maxSteps {
		now := k.config.Clock.Now() // taken before the read, so that the keys are no older
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
		if err := change(ctx, k.config, k.kek, k.rules.Next); err != nil {
			return fmt.Errorf("next signing key: %w", err)
		}
	}
	return nil // the next poll takes the rest
}

// replace replaces the set of keys and logs the differences.
func (k *Keeper) replace(ring *Ring, now time.Time) {
	old, log := k.ring.Swap(ring), k.config.Logger
	var changes []wire.KeyChange
	if old != nil {
		for _, kid := range ring.Published() {
			if !old.Publishes(kid) {
				log.Info("signing key is published", "kid", kid)
				changes = append(changes, wire.KeyChange{Kid: kid, Change: wire.KeyPublished})
			}
		}
		for _, kid := range old.Published() {
			if !ring.Publishes(kid) {
				log.Info("signing key is not published any more", "kid", kid)
				changes = append(changes, wire.KeyChange{Kid: kid, Change: wire.KeyRetired})
			}
		}
	}
	if len(changes) > 0 && k.config.Changed != nil {
		k.config.Changed(changes)
	}
	if key, err := ring.Signing(now); err == nil && key.ID != k.signing {
		k.signing = key.ID
		log.Info("signing key signs from now on", "kid", key.ID)
	}
}
