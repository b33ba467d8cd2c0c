package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Operator carries out an operator's commands on the signing keys. Servers may
// be running on the database meanwhile; they see a change at their next poll.
type Operator struct{ config Config }

// NewOperator makes an operator. It reads nothing yet.
func NewOperator(config Config) Operator { return Operator{config: config} }

// List lists the keys in the order in which they sign.
func (o Operator) List(ctx context.Context) ([]Life, error) {
	rows, err := o.config.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	return Lives(rows), nil
}

// Rotate makes the next key, by the rules. The error is ErrPending where there
// is a next key already.
func (o Operator) Rotate(ctx context.Context) error {
	kek, rules, err := o.rules(ctx)
	if err != nil {
		return err
	}
	rules.Every = 0 // no rotation but this one is due
	for _, step := range []rule{rules.Rotate, rules.Next} {
		if err := change(ctx, o.config, kek, step); err != nil {
			return err
		}
	}
	return nil
}

// Retire takes a key out of use in an emergency, by the rules. The error is
// ErrUnknownKey where there is no such key. Retiring a retired key changes
// nothing.
func (o Operator) Retire(ctx context.Context, kid string) error {
	kek, rules, err := o.rules(ctx)
	if err != nil {
		return err
	}
	return change(ctx, o.config, kek, func(rows []store.Key, now time.Time) (Change, error) {
		return rules.Retire(rows, now, kid)
	})
}

// Check looks at the key-encryption key, opens all keys, and says how many there
// are and where the key-encryption key is from. from is empty where there is no key to open.
func (o Operator) Check(ctx context.Context) (count int, from string, err error) {
	rows, err := o.config.Store.SigningKeys(ctx)
	if err != nil {
		return 0, "", err
	}
	if err := o.config.KEK.Check(); err != nil || len(rows) == 0 {
		return 0, "", err
	}
	kek, from, err := o.config.KEK.find()
	if err != nil {
		return 0, "", err
	}
	if _, err := Load(rows, kek, o.config.Clock.Now()); err != nil {
		return 0, "", fmt.Errorf("%w (the key-encryption key is from %s)", err, from)
	}
	return len(rows), from, nil
}

// rules returns the key-encryption key and the rules of the configuration, which
// seal new keys with it. It checks that the key-encryption key opens a key in the
// database, because with another one it would seal keys that no server can open.
func (o Operator) rules(ctx context.Context) ([]byte, Rules, error) {
	_, kek, err := o.open(ctx)
	if err != nil {
		return nil, Rules{}, err
	}
	return kek, o.config.rules(kek), nil
}
