package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/store"
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

// Keys lists the signing keys in the order in which they sign.
func (a *Admin) Keys(ctx context.Context) ([]SigningKey, error) {
	rows, err := a.store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: signing keys: %w", err)
	}
	now := a.config.Clock.Now()
	list := make([]SigningKey, 0, len(rows))
	for _, l := range keys.Lives(rows) {
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
	rules, err := a.keyRules(ctx)
	if err != nil {
		return err
	}
	rules.Every = 0 // this rotation and no other
	for _, step := range []func([]store.Key, time.Time) (store.KeyChange, error){rules.Rotate, rules.Next} {
		if err := change(ctx, a.store, a.config.Clock, step); err != nil {
			return fmt.Errorf("authserver: %w", err)
		}
	}
	return nil
}

// RetireKey takes a signing key out of use in an emergency. Within seconds the
// servers sign by another one and refuse its tokens; verifiers with a key set
// of their own do so within 5 minutes. Its users have to refresh their tokens,
// nothing more. ErrUnknownKey where there is no such key; one that is retired
// already stays so.
func (a *Admin) RetireKey(ctx context.Context, kid string) error {
	rules, err := a.keyRules(ctx)
	if err != nil {
		return err
	}
	err = change(ctx, a.store, a.config.Clock, func(rows []store.Key, now time.Time) (store.KeyChange, error) {
		return rules.Retire(rows, now, kid)
	})
	if err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

// keyRules are the rules of the configuration, with a key-encryption key that
// opens what is in the database: another one would seal keys that no server
// can open.
func (a *Admin) keyRules(ctx context.Context) (keys.Rules, error) {
	rows, err := a.store.SigningKeys(ctx)
	if err != nil {
		return keys.Rules{}, fmt.Errorf("authserver: signing keys: %w", err)
	}
	if len(rows) == 0 {
		return keys.Rules{}, errors.New("authserver: there is no signing key yet: the first start of a server makes one")
	}
	kek, from, err := keyEncryptionKey(a.config, false)
	if err != nil {
		return keys.Rules{}, fmt.Errorf("authserver: %w", err)
	}
	if err := keys.Opens(rows, kek); err != nil {
		return keys.Rules{}, fmt.Errorf("authserver: %w (the key-encryption key is from %s)", err, from)
	}
	return keyRules(a.config, kek), nil
}
