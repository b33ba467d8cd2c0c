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
	// ErrUnknown means that there is no such key, or that it has ended.
	ErrUnknown = errors.New("servicekey: unknown key")
	// ErrNotAllowed means that the key is good and does not allow the
	// operation.
	ErrNotAllowed = errors.New("servicekey: operation not allowed")
	// ErrSingleNotAllowed is the ErrNotAllowed of the single key.
	ErrSingleNotAllowed = fmt.Errorf("%w by the single key", ErrNotAllowed)
)

// OtherAppError is the ErrUnknown of a key that is a live one of another app
// than its request names.
type OtherAppError struct{ KeysApp, NamedApp string }

func (e *OtherAppError) Error() string {
	return fmt.Sprintf("servicekey: the key of app %s came with app %s", e.KeysApp, e.NamedApp)
}

// Unwrap returns ErrUnknown.
func (e *OtherAppError) Unwrap() error { return ErrUnknown }

// CheckerConfig configures a Checker.
type CheckerConfig struct {
	Now func() time.Time
	// Known lists all keys. The list is at most Fresh old.
	Known func(context.Context) ([]store.ServiceKey, error)
	// Single is a key of every app. Empty means that there is no such key.
	Single string
	// SingleOperations is what the single key allows. Empty means all but Grant.
	SingleOperations []string
}

// Checker checks keys that services present. It is safe for concurrent use.
type Checker struct {
	now     func() time.Time
	known   func(context.Context) ([]store.ServiceKey, error)
	single  *store.Digest // nil where there is none
	allowed []string      // by the single key
}

// NewChecker makes a checker. It keeps only the digest of the single key.
func NewChecker(c CheckerConfig) *Checker {
	k := &Checker{now: c.Now, known: c.Known, allowed: orUsual(c.SingleOperations)}
	if c.Single != "" {
		digest := store.Digest(sha256.Sum256([]byte(c.Single)))
		k.single = &digest
	}
	return k
}

// Admit checks that key is a live one that allows the operation, and returns the
// app that it speaks for. An appID that is not empty has to be the key's app; a
// key of an app may come without. The single key is of every app, and the app is
// empty where appID is. All keys are compared, by their digests and in constant
// time. The error is ErrUnknown or ErrNotAllowed. Any other error is that of
// reading the list, and the key could not be judged.
func (k *Checker) Admit(ctx context.Context, key, appID, operation string) (app string, err error) {
	digest := store.Digest(sha256.Sum256([]byte(key)))
	if k.single != nil && subtle.ConstantTimeCompare(digest[:], k.single[:]) == 1 {
		if !slices.Contains(k.allowed, operation) {
			return "", ErrSingleNotAllowed
		}
		return appID, nil
	}
	// The instant is taken before the list is read, which may take a while.
	now := k.now()
	known, err := k.known(ctx)
	if err != nil {
		return "", fmt.Errorf("service keys could not be read: %w", err)
	}
	var found *store.ServiceKey
	for i, one := range known {
		if one.Live(now) && subtle.ConstantTimeCompare(digest[:], one.Hash[:]) == 1 {
			found = &known[i]
		}
	}
	switch {
	case found == nil:
		return "", ErrUnknown
	case appID != "" && appID != found.AppID:
		return "", &OtherAppError{KeysApp: found.AppID, NamedApp: appID}
	case !slices.Contains(found.Operations, operation):
		return "", ErrNotAllowed
	}
	return found.AppID, nil
}

// Live checks that key is a live one, whatever it allows. The errors are those of
// Admit.
func (k *Checker) Live(ctx context.Context, key string) error {
	_, err := k.Admit(ctx, key, "", "")
	if errors.Is(err, ErrNotAllowed) {
		return nil
	}
	return err
}
