package servicekey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// How the list of all keys, which CheckerConfig.Known returns, is cached.
const (
	// Fresh is how long a list is used, and so how long a revoked key may
	// still be accepted.
	Fresh = time.Second
	// Retry is how long the database is not asked again after a failure.
	Retry = 200 * time.Millisecond
	// Timeout bounds the query for the list.
	Timeout = 5 * time.Second
)

var (
	// ErrUnknown means that the app has no such key, or has it no longer.
	ErrUnknown = errors.New("servicekey: unknown key")
	// ErrNotAllowed means that the key is good and does not allow the
	// operation.
	ErrNotAllowed = errors.New("servicekey: operation not allowed")
)

// CheckerConfig configures a Checker.
type CheckerConfig struct {
	Now func() time.Time
	// Known lists all keys. The list is at most Fresh old.
	Known func(context.Context) ([]store.ServiceKey, error)
	// Single is a key that allows every operation to every app. Empty means
	// that there is no such key.
	Single string
}

// Checker checks keys that services present. It is safe for concurrent use.
type Checker struct {
	now    func() time.Time
	known  func(context.Context) ([]store.ServiceKey, error)
	single *store.Digest // nil where there is none
}

// NewChecker makes a checker. It keeps only the digest of the single key.
func NewChecker(c CheckerConfig) *Checker {
	k := &Checker{now: c.Now, known: c.Known}
	if c.Single != "" {
		digest := store.Digest(sha256.Sum256([]byte(c.Single)))
		k.single = &digest
	}
	return k
}

// Admit checks that key is a live one of the app and allows the operation. All
// keys of the app are compared, by their digests and in constant time. The
// error is ErrUnknown or ErrNotAllowed. Any other error is that of reading the
// list, and the key could not be judged.
func (k *Checker) Admit(ctx context.Context, key, appID, operation string) error {
	digest := store.Digest(sha256.Sum256([]byte(key)))
	if k.single != nil && subtle.ConstantTimeCompare(digest[:], k.single[:]) == 1 {
		return nil
	}
	// The instant is taken before the list is read, which may take a while.
	now := k.now()
	known, err := k.known(ctx)
	if err != nil {
		return fmt.Errorf("service keys could not be read: %w", err)
	}
	found, allowed := false, false
	for _, one := range known {
		if one.AppID == appID && one.Live(now) && subtle.ConstantTimeCompare(digest[:], one.Hash[:]) == 1 {
			found, allowed = true, slices.Contains(one.Operations, operation)
		}
	}
	switch {
	case !found:
		return ErrUnknown
	case !allowed:
		return ErrNotAllowed
	}
	return nil
}
