package authserver

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/durable"
	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/meter"
)

// These are the errors of the operations on keys that callers tell apart.
var (
	// ErrUnknownKey means that there is no key with that kid.
	ErrUnknownKey = keys.ErrUnknownKey
	// ErrKeyPending means that the next key is published already.
	ErrKeyPending = keys.ErrPending
)

// SigningKey describes a signing key. An instant is zero where it is not decided
// yet, or where it never came. An imported key that only verifies here is "old"
// and then "gone", and SignsFrom is when it began to sign elsewhere.
type SigningKey struct {
	ID             string    `json:"kid"`
	State          string    `json:"state"` // "next", "signing", "old", "gone" or "retired"
	CreatedAt      time.Time `json:"createdAt"`
	SignsFrom      time.Time `json:"signsFrom,omitzero"`
	SignsUntil     time.Time `json:"signsUntil,omitzero"`
	PublishedUntil time.Time `json:"publishedUntil,omitzero"`
}

// keysConfig configures the keeping of the signing keys. Without a meter nothing
// is counted.
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
// valid. The error is ErrKeyPending where the next one is published already.
func (a *Admin) RotateKey(ctx context.Context) error {
	if err := a.keys().Rotate(ctx); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

// RetireKey takes a signing key out of use in an emergency. Within seconds the
// servers sign with another key and refuse the tokens of the retired one;
// verifiers that cache the key set follow within 5 minutes. Users have to refresh
// their tokens, nothing more. The error is ErrUnknownKey where there is no such
// key; one that is retired already stays so.
func (a *Admin) RetireKey(ctx context.Context, kid string) error {
	if err := a.keys().Retire(ctx, kid); err != nil {
		return fmt.Errorf("authserver: %w", err)
	}
	return nil
}

// KeyThumbprint is the SHA-256 thumbprint of a signing key (RFC 7638),
// base64url.
type KeyThumbprint struct {
	ID         string `json:"kid"`
	Thumbprint string `json:"thumbprint"`
}

// KeyThumbprints are the thumbprints of all signing keys, in the order in which
// they sign.
func (a *Admin) KeyThumbprints(ctx context.Context) ([]KeyThumbprint, error) {
	lives, err := a.keys().List(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	list := make([]KeyThumbprint, len(lives))
	for i, l := range lives {
		text, err := keys.Thumbprint(l.Key)
		if err != nil {
			return nil, fmt.Errorf("authserver: %w", err)
		}
		list[i] = KeyThumbprint{ID: l.ID, Thumbprint: text}
	}
	return list, nil
}

// ExportKeys is the JWK set that servers publish: public keys alone.
func (a *Admin) ExportKeys(ctx context.Context) ([]byte, error) {
	document, err := a.keys().Public(ctx)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	return document, nil
}

// ExportPrivateKeys writes the signing keys, but for retired ones, to a new file
// with mode 0600, and says how many. The file is a JWK set, encrypted with the
// key-encryption key (RFC 7517 section 7): without that it is of no use. It
// never replaces a file: the error is fs.ErrExist then.
func (a *Admin) ExportPrivateKeys(ctx context.Context, file string) (count int, err error) {
	document, count, err := a.keys().Export(ctx)
	if err != nil {
		return 0, fmt.Errorf("authserver: %w", err)
	}
	err = durable.Create(file, func(temp string) error { return os.WriteFile(temp, append(document, '\n'), 0o600) })
	if err != nil {
		return 0, fmt.Errorf("authserver: %w", err)
	}
	return count, nil
}

// ImportKeys stores the private keys of a JWK set, encrypted as ExportPrivateKeys
// does it or plain, and returns the kids of those that it stored. sealedWith is
// the key-encryption key of the file; empty means that of the configuration.
// Running servers publish them within seconds. Where there are keys already, the
// last key of the set becomes the next, which signs once it has been published
// for long enough, unless it began to sign before the present one. The others
// sign nothing here and are published for as long as a token lives after the
// import. To import them again begins that time anew, and then their kids are
// returned too. ErrKeyPending where there is a next key already.
func (a *Admin) ImportKeys(ctx context.Context, document, sealedWith []byte) (kids []string, err error) {
	kids, err = a.keys().Import(ctx, document, sealedWith)
	if err != nil {
		return nil, fmt.Errorf("authserver: %w", err)
	}
	return kids, nil
}

// ResealKeys seals all signing keys with another key-encryption key of 32 bytes,
// and says how many. Servers that have the former one cannot read the keys from
// then on: within a minute they sign no more.
func (a *Admin) ResealKeys(ctx context.Context, next []byte) (count int, err error) {
	count, err = a.keys().Reseal(ctx, next)
	if err != nil {
		return 0, fmt.Errorf("authserver: %w", err)
	}
	return count, nil
}
