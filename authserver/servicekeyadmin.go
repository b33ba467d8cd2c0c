package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// ErrServiceKeyNotFound: no service key has that id.
var ErrServiceKeyNotFound = errors.New("no such service key")

// serviceKeyPrefix begins every service key, so that scanners of leaked
// secrets, and people, know one when they see it.
const serviceKeyPrefix = "mana_sk_"

// usualOperations are what a key allows that names none: all but granting,
// which makes credits out of nothing.
var usualOperations = []string{opBalance, opInit, opUse, opRefund, opReserve, opCommit, opRelease, opHistory}

// ServiceOperations are all operations that a service key may allow.
func ServiceOperations() []string { return append(slices.Clone(usualOperations), opGrant) }

// ServiceKey is the key of an app's service as an operator sees it. The key
// itself is shown once, by CreateServiceKey.
type ServiceKey struct {
	ID         string
	AppID      string
	Operations []string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	RevokedAt  time.Time // zero: not revoked
}

// NewServiceKey is a key to be made.
type NewServiceKey struct {
	AppID string // the X-App-Id that it goes with
	// Operations that it allows, of ServiceOperations. Empty: all but grant.
	Operations []string
	// Lifetime after which it expires. Zero: never.
	Lifetime time.Duration
}

// CreateServiceKey makes a key. What it returns as text is the key, 256
// random bits, and kept nowhere: the database has its SHA-256. An app may have
// any number of keys, so that a new one can be in use before the old one is
// revoked.
func (a *Admin) CreateServiceKey(ctx context.Context, n NewServiceKey) (key ServiceKey, text string, err error) {
	if !isAppID(n.AppID) {
		return ServiceKey{}, "", fmt.Errorf("authserver: %q is no app id: letters, digits, -, _ and ., at most %d", n.AppID, maxAppID)
	}
	if n.Lifetime < 0 {
		return ServiceKey{}, "", fmt.Errorf("authserver: lifetime %v is below zero", n.Lifetime)
	}
	if len(n.Operations) == 0 {
		n.Operations = usualOperations
	}
	for _, operation := range n.Operations {
		if !slices.Contains(ServiceOperations(), operation) {
			return ServiceKey{}, "", fmt.Errorf("authserver: unknown operation %q; there are %v", operation, ServiceOperations())
		}
	}
	id, err := secret.NewID(a.config.Random)
	if err != nil {
		return ServiceKey{}, "", fmt.Errorf("authserver: service key: %w", err)
	}
	if text, err = secret.New(a.config.Random); err != nil {
		return ServiceKey{}, "", fmt.Errorf("authserver: service key: %w", err)
	}
	text = serviceKeyPrefix + text
	row := store.ServiceKey{
		ID: id, AppID: n.AppID, Hash: sha256.Sum256([]byte(text)), Operations: slices.Clone(n.Operations),
		CreatedAt: time.UnixMilli(a.config.Clock.Now().UnixMilli()).UTC(),
	}
	if n.Lifetime > 0 {
		row.ExpiresAt = row.CreatedAt.Add(n.Lifetime)
	}
	if err := a.store.AddServiceKey(ctx, row); err != nil {
		return ServiceKey{}, "", fmt.Errorf("authserver: service key: %w", err)
	}
	return shownKey(row), text, nil
}

// ServiceKeys lists all keys, the revoked and the expired among them, by app
// and age.
func (a *Admin) ServiceKeys(ctx context.Context) ([]ServiceKey, error) {
	rows, err := a.store.ServiceKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: service keys: %w", err)
	}
	keys := make([]ServiceKey, len(rows))
	for i, row := range rows {
		keys[i] = shownKey(row)
	}
	return keys, nil
}

// RevokeServiceKey ends a key. Running servers refuse it within a second.
// ErrServiceKeyNotFound where there is none.
func (a *Admin) RevokeServiceKey(ctx context.Context, id string) error {
	err := a.store.RevokeServiceKey(ctx, id, a.config.Clock.Now())
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("authserver: %w", ErrServiceKeyNotFound)
	}
	if err != nil {
		return fmt.Errorf("authserver: service key: %w", err)
	}
	return nil
}

func shownKey(k store.ServiceKey) ServiceKey {
	return ServiceKey{ID: k.ID, AppID: k.AppID, Operations: k.Operations, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt}
}
