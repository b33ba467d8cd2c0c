package authserver

import (
	"context"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/meter"
)

// What an operator may ask of the signing keys in vain.
var (
	// ErrUnknownKey: there is no key with that kid.
	ErrUnknownKey = keys.ErrUnknownKey
	// ErrKeyPending: the next key is published already.
	ErrKeyPending = keys.ErrPending
)

// SigningKey tells of a signing key. Instants are zero where they are not
// decided, or never came.
type SigningKey struct {
	ID             string    `json:"kid"`
	State          string    `json:"state"` // "next", "signing", "old", "gone" or "retired"
	CreatedAt      time.Time `json:"createdAt"`
	SignsFrom      time.Time `json:"signsFrom,omitzero"`
	SignsUntil     time.Time `json:"signsUntil,omitzero"`
	PublishedUntil time.Time `json:"publishedUntil,omitzero"`
}

// keysConfig is what the signing keys of a database are kept by. Without a meter
// nothing is counted.
func keysConfig(cfg Config, db keys.Store, counted *meter.Meter) keys.Config {
	return keys.Config{
		Store: db, Clock: cfg.Clock, Random: cfg.Random, Logger: cfg.Logger, Meter: counted,
		KEK:   keys.KEKSource{Key: cfg.Keys.EncryptionKey, File: keyFile(cfg)},
		Every: cfg.Keys.Rotation, TokenTTL: cfg.Tokens.AccessTTL,
	}
}

func (a *Admin) keys() keys.Operator { return keys.NewOperator(keysConfig(a.config, a.store, nil)) }

// Keys lists the signing keys in the order in which they sign.
func (a *Admin) Keys(ctx context.Context) ([]SigningKey, error) {
	lives, err := a.keys().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	now := a.config.Clock.Now()
	list := make([]SigningKey, 0, len(lives))
	for _, l := range lives {
		list = append(list, SigningKey{
			ID: l.ID, State: string(l.State(now)), CreatedAt: l.CreatedAt,
			SignsFrom: l.SignsFrom, SignsUntil: l.SignsUntil, PublishedUntil: l.PublishedUntil,
		})
	}
	return list, nil
}

// RotateKey makes the next signing key: it is published at once, and signs
// after 15 minutes, when every verifier has it. Tokens of the key before stay
// good. ErrKeyPending where the next one is published already.
func (a *Admin) RotateKey(ctx context.Context) error {
	if err := a.keys().Rotate(ctx); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

// RetireKey takes a signing key out of use in an emergency. Within seconds the
// servers sign by another one and refuse its tokens; verifiers with a key set
// of their own do so within 5 minutes. Its users have to refresh their tokens,
// nothing more. ErrUnknownKey where there is no such key; one that is retired
// already stays so.
func (a *Admin) RetireKey(ctx context.Context, kid string) error {
	if err := a.keys().Retire(ctx, kid); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}
