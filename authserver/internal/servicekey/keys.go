package servicekey

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/form"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// ErrNotFound means that no service key has the id that was given.
var ErrNotFound = errors.New("no such service key")

// Prefix begins every service key, so that people and scanners for leaked
// secrets recognise one.
const Prefix = "mana_sk_"

// Key is a service key as an operator sees it. The key itself is shown once, by
// Create.
type Key struct {
	ID         string
	AppID      string
	Operations []string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	RevokedAt  time.Time // zero: not revoked
}

// New describes a key that Create makes.
type New struct {
	AppID string // the app that the key speaks for
	// Operations lists what it allows, each one of Operations(). Empty means
	// all but Grant.
	Operations []string
	// Lifetime is after how long it expires. Zero means never.
	Lifetime time.Duration
}

// Keys makes, lists and revokes service keys for an operator.
type Keys struct {
	Store  store.ServiceKeys
	Now    func() time.Time
	Random io.Reader
}

// Create makes a key. The text that it returns is the key, 256 random bits
// behind Prefix. It is kept nowhere: the database has its SHA-256. An app may
// have any number of keys, so that a new one can be in use before the old one
// is revoked.
func (k Keys) Create(ctx context.Context, n New) (key Key, text string, err error) {
	if err := n.check(); err != nil {
		return Key{}, "", err
	}
	id, err := secret.NewID(k.Random)
	if err != nil {
		return Key{}, "", fmt.Errorf("service key: %w", err)
	}
	random, err := secret.New(k.Random)
	if err != nil {
		return Key{}, "", fmt.Errorf("service key: %w", err)
	}
	text = Prefix + random
	row := store.ServiceKey{
		ID: id, AppID: n.AppID, Hash: sha256.Sum256([]byte(text)), Operations: slices.Clone(orUsual(n.Operations)),
		CreatedAt: time.UnixMilli(k.Now().UnixMilli()).UTC(), // databases keep milliseconds
	}
	if n.Lifetime > 0 {
		row.ExpiresAt = row.CreatedAt.Add(n.Lifetime)
	}
	if err := k.Store.AddServiceKey(ctx, row); err != nil {
		return Key{}, "", fmt.Errorf("service key: %w", err)
	}
	return shown(row), text, nil
}

// check returns what is wrong with the description of a key.
func (n New) check() error {
	if !form.IsAppID(n.AppID) {
		return fmt.Errorf("%q is no app id: letters, digits, -, _ and ., at most %d", n.AppID, form.MaxAppID)
	}
	if n.Lifetime < 0 {
		return fmt.Errorf("lifetime %v is below zero", n.Lifetime)
	}
	if n.AppID == UnknownApp {
		return fmt.Errorf("%q is no app: it stands for services that name none", n.AppID)
	}
	return CheckOperations(n.Operations)
}

// List lists all keys by app and age, the revoked and the expired among them.
func (k Keys) List(ctx context.Context) ([]Key, error) {
	rows, err := k.Store.ServiceKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("service keys: %w", err)
	}
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = shown(row)
	}
	return keys, nil
}

// Revoke ends a key. Running servers refuse it once the list that they have
// cached is older than Fresh. The error is ErrNotFound where no key has that
// id.
func (k Keys) Revoke(ctx context.Context, id string) error {
	err := k.Store.RevokeServiceKey(ctx, id, k.Now())
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("service key: %w", err)
	}
	return nil
}

func shown(row store.ServiceKey) Key {
	return Key{
		ID: row.ID, AppID: row.AppID, Operations: row.Operations,
		CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt,
	}
}
