package authserver

import (
	"context"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/servicekey"
)

// ErrServiceKeyNotFound means that no service key has that id.
var ErrServiceKeyNotFound = servicekey.ErrNotFound

// ServiceOperations are all operations that a service key may allow.
func ServiceOperations() []string { return servicekey.Operations() }

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
	AppID string // of the app whose services may use it
	// Operations are what it allows, out of ServiceOperations. Empty means all but
	// grant.
	Operations []string
	// Lifetime is how long it can be used. Zero means for ever.
	Lifetime time.Duration
}

// CreateServiceKey makes a key. secret is the key itself, of 256 random bits; the
// database stores only its SHA-256. An app may have
// any number of keys, so that a new one can be in use before the old one is
// revoked.
func (a *Admin) CreateServiceKey(ctx context.Context, n NewServiceKey) (key ServiceKey, secret string, err error) {
	made, secret, err := a.serviceKeys().Create(ctx, servicekey.New(n))
	if err != nil {
		return ServiceKey{}, "", fmt.Errorf("authserver: %w", err)
	}
	return ServiceKey(made), secret, nil
}

// ServiceKeys lists all keys, the revoked and the expired among them, by app
// and age.
func (a *Admin) ServiceKeys(ctx context.Context) ([]ServiceKey, error) {
	list, err := a.serviceKeys().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	keys := make([]ServiceKey, len(list))
	for i, key := range list {
		keys[i] = ServiceKey(key)
	}
	return keys, nil
}

// RevokeServiceKey ends a key. Running servers refuse it within a second. Where
// there is no such key the error is ErrServiceKeyNotFound.
func (a *Admin) RevokeServiceKey(ctx context.Context, id string) error {
	if err := a.serviceKeys().Revoke(ctx, id); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

func (a *Admin) serviceKeys() servicekey.Keys {
	return servicekey.Keys{Store: a.store, Now: a.config.Clock.Now, Random: a.config.Random}
}
