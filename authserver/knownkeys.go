package authserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// knownKeys remembers the list of all service keys: one query a second, however
// many strangers ask.
type knownKeys struct {
	clock  Clock
	source store.ServiceKeys

	lock   sync.Mutex
	keys   []store.ServiceKey
	loaded time.Time
	failed error     // of the last query; nil: there was none, or it went well
	again  time.Time // when to query after it
}

// list is all service keys, as they were within servicekey.Fresh.
func (k *knownKeys) list(ctx context.Context) ([]store.ServiceKey, error) {
	k.lock.Lock()
	defer k.lock.Unlock()
	now := k.clock.Now()
	age := now.Sub(k.loaded)
	if !k.loaded.IsZero() && age >= 0 && age < servicekey.Fresh {
		return k.keys, nil
	}
	// Who came while one asked in vain does not ask after it, for as long.
	if k.failed != nil && now.Before(k.again) {
		return nil, k.failed
	}
	// Whoever waits behind this caller needs the answer as well, even if this
	// one hangs up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), servicekey.Timeout)
	defer cancel()
	keys, err := k.source.ServiceKeys(ctx)
	if err != nil {
		k.failed = errors.Join(errors.New("service keys could not be read"), err)
		k.again = k.clock.Now().Add(servicekey.Retry)
		return nil, k.failed
	}
	k.keys, k.loaded, k.failed = keys, now, nil
	return keys, nil
}
