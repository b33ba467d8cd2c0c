package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

// Export seals all keys that are not retired, with their private parts, into a
// JWK set that Import reads. It is sealed with the key-encryption key.
func (o Operator) Export(ctx context.Context) (document []byte, count int, err error) {
	rows, kek, err := o.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	rows = slices.DeleteFunc(rows, func(row store.Key) bool { return !row.RetiredAt.IsZero() })
	document, err = encodeSet(rows, kek)
	return document, len(rows), err
}

// Public is the JWK set that servers publish.
func (o Operator) Public(ctx context.Context) ([]byte, error) {
	rows, kek, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	ring, err := Load(rows, kek, o.config.Clock.Now())
	if err != nil {
		return nil, err
	}
	document, _ := ring.JWKS()
	return document, nil
}

// Import stores the keys of a JWK set that the database does not have, sealed
// with the key-encryption key, and returns their kids. from is the
// key-encryption key that seals the file; empty means that of the database. In
// an empty database the keys go on where they were in their lives, and of keys
// that say nothing of it the first one signs. Elsewhere the last key of the set
// becomes the next, unless it began to sign before the present one. The others
// are published for as long as the tokens live that were signed until now, and
// sign nothing here; to import them again begins that time anew. The error is
// ErrPending where there is a next key already.
func (o Operator) Import(ctx context.Context, document, from []byte) (kids []string, err error) {
	rows, err := o.config.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	kek, source, err := o.config.KEK.find()
	if len(rows) == 0 && errors.Is(err, ErrNoKeyFile) {
		kek, source, err = o.config.KEK.findOrCreate(o.config.Random)
	}
	if err != nil {
		return nil, err
	}
	if len(rows) > 0 {
		if err := Opens(rows, kek); err != nil {
			return nil, fmt.Errorf("%w (the key-encryption key is from %s)", err, source)
		}
	}
	if len(from) == 0 {
		from = kek
	}
	list, err := decodeSet(document, from)
	if err != nil {
		return nil, err
	}
	sealed := make([]store.Key, len(list))
	for i, one := range list {
		if sealed[i], err = o.row(one, kek); err != nil {
			return nil, err
		}
	}
	err = change(ctx, o.config, kek, func(rows []store.Key, now time.Time) (Change, error) {
		c, err := join(rows, sealed, now)
		kids = kids[:0]
		for _, row := range c.Put {
			kids = append(kids, row.ID)
		}
		return c, err
	})
	return kids, err
}

// row seals an imported key for the database.
func (o Operator) row(one imported, kek []byte) (store.Key, error) {
	private, err := seal(kek, one.id, one.private, o.config.Random)
	if err != nil {
		return store.Key{}, err
	}
	public, err := json.Marshal(restingJWK{Crv: "Ed25519", X: encodePublic(one.private), Kty: "OKP"})
	if err != nil {
		return store.Key{}, err
	}
	return store.Key{
		ID: one.id, PublicKey: string(public), PrivateKey: private,
		CreatedAt: one.createdAt, SignsFrom: one.signsFrom, VerifiesUntil: one.verifiesUntil, TokenTTL: max(one.tokenTTL, o.config.TokenTTL),
	}, nil
}

// join decides which imported keys sign and when, and until when the others are
// published.
func join(rows, added []store.Key, now time.Time) (Change, error) {
	var change Change
	lives := Lives(rows)
	signer, signs := started(lives, now)
	next := slices.ContainsFunc(lives, func(l Life) bool { return l.pending(now) })
	if len(rows) == 0 && !slices.ContainsFunc(added, func(k store.Key) bool { return k.VerifiesUntil.IsZero() }) {
		return Change{}, errors.New("none of the keys in the file signs: export them where they do")
	}
	for i, key := range added {
		// By then every token has expired that the key signed elsewhere until now.
		until := now.Add(key.TokenTTL + tail)
		if at := slices.IndexFunc(rows, func(k store.Key) bool { return k.ID == key.ID }); at >= 0 {
			present := rows[at]
			if !samePublic(present, key) {
				return Change{}, fmt.Errorf("the database has another key with the kid %s", key.ID)
			}
			if !present.VerifiesUntil.IsZero() && present.RetiredAt.IsZero() && present.VerifiesUntil.Before(until) {
				present.VerifiesUntil = until
				change.Put = append(change.Put, present)
			}
			continue
		}
		if key.CreatedAt.IsZero() {
			key.CreatedAt = now
		}
		former := signs && !key.SignsFrom.IsZero() && (key.SignsFrom.Before(signer.SignsFrom) ||
			slices.ContainsFunc(added, func(k store.Key) bool { return k.SignsFrom.After(key.SignsFrom) }))
		switch {
		case len(rows) == 0 && key.SignsFrom.IsZero() && !slices.ContainsFunc(added, func(k store.Key) bool { return !k.SignsFrom.IsZero() }):
			// The first of a foreign set signs, and the others did before it.
			key.SignsFrom = now.Add(-time.Duration(i) * time.Millisecond)
		case len(rows) == 0:
		case former || !key.VerifiesUntil.IsZero():
			key.VerifiesUntil = until
		case next:
			return Change{}, ErrPending
		default: // as a key that a server has made: published first, by Rules.Next
			key.SignsFrom, next = time.Time{}, true
		}
		change.Put = append(change.Put, key)
	}
	return change, nil
}

func samePublic(a, b store.Key) bool {
	var one, other restingJWK
	return json.Unmarshal([]byte(a.PublicKey), &one) == nil && json.Unmarshal([]byte(b.PublicKey), &other) == nil && one.X == other.X
}

// Reseal seals all keys with another key-encryption key, in one transaction, and
// says how many. From then on no server that has the former one can read them.
func (o Operator) Reseal(ctx context.Context, next []byte) (count int, err error) {
	if len(next) != KEKBytes {
		return 0, fmt.Errorf("the new key-encryption key has %d bytes, not %d", len(next), KEKBytes)
	}
	if err := (KEKSource{Key: next}).Check(); err != nil {
		return 0, err
	}
	_, kek, err := o.open(ctx)
	if err != nil {
		return 0, err
	}
	err = change(ctx, o.config, kek, func(rows []store.Key, _ time.Time) (Change, error) {
		var c Change
		for _, row := range rows {
			if row.PrivateKey == "" {
				continue // retired
			}
			private, err := unseal(kek, row.ID, row.PrivateKey)
			if err != nil {
				return Change{}, fmt.Errorf("signing key %s: %w", row.ID, err)
			}
			if row.PrivateKey, err = seal(next, row.ID, private, o.config.Random); err != nil {
				return Change{}, err
			}
			c.Put = append(c.Put, row)
		}
		count = len(c.Put)
		return c, nil
	})
	return count, err
}

// open reads the keys and the key-encryption key, which has to open them.
func (o Operator) open(ctx context.Context) (rows []store.Key, kek []byte, err error) {
	rows, err = o.config.Store.SigningKeys(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("signing keys: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("there is no signing key yet: the first start of a server makes one")
	}
	kek, from, err := o.config.KEK.find()
	if err != nil {
		return nil, nil, err
	}
	if err := Opens(rows, kek); err != nil {
		return nil, nil, fmt.Errorf("%w (the key-encryption key is from %s)", err, from)
	}
	return rows, kek, nil
}
