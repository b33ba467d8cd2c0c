// Package keys holds the auth server's signing keys: how they are made, how
// they rest in the database, when one follows another, and the JWKS that
// publishes them. A server has a Keeper, which polls them. The commands of an
// operator go through an Operator. Both change the keys by Rules.
//
// JWKs are written here and not by a JOSE library. wire.JWKS is the exact form,
// with the order of members of the existing service, and an Ed25519 key is one
// base64url string (RFC 8037 section 2).
package keys

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// The reasons for which no key may sign.
var (
	// ErrStale means that the keys were read too long ago. The next key may
	// sign by now.
	ErrStale = errors.New("the signing keys could not be read for too long")
	// ErrNoKey means that the signing key was retired and that its successor
	// does not sign yet.
	ErrNoKey = errors.New("no key signs at the moment")
)

// Key is a key that may sign. Header is the first segment of every token that
// it signs.
type Key struct {
	ID        string
	Header    string
	Private   ed25519.PrivateKey
	SignsFrom time.Time
	TokenTTL  time.Duration // the longest life of a token that it may sign
}

// Ring is the set of keys that a database had at one moment. It never changes.
type Ring struct {
	readAt   time.Time
	lives    []Life
	keys     map[string]Key // the published keys by kid
	byHeader map[string]ed25519.PublicKey
	document []byte
	etag     string
}

// Signing returns the key that signs at now. The error is ErrStale or ErrNoKey
// where no key may sign.
func (r *Ring) Signing(now time.Time) (Key, error) {
	if now.Sub(r.readAt) > freshness {
		return Key{}, ErrStale
	}
	l, ok := started(r.lives, now)
	key, published := r.keys[l.ID]
	if !ok || !published {
		return Key{}, ErrNoKey
	}
	return key, nil
}

// soon is how long nobody may sign before that is an outage. The successor of a
// key that was retired in an emergency signs after settling.
const soon = settling + time.Second

// Ready returns an error where no key signs at now, and none is about to.
func (r *Ring) Ready(now time.Time) error {
	_, err := r.Signing(now)
	if !errors.Is(err, ErrNoKey) {
		return err
	}
	if l, ok := started(r.lives, now.Add(soon)); ok && l.published(now) {
		return nil
	}
	return err
}

// Published are the kids of the published keys.
func (r *Ring) Published() []string { return slices.Collect(maps.Keys(r.keys)) }

// Publishes reports whether the key with that kid is published.
func (r *Ring) Publishes(kid string) bool {
	_, ok := r.keys[kid]
	return ok
}

// ByHeader finds the public key that belongs to a token's first segment. The
// server writes one header for each key. So alg, kid and typ are right exactly
// where the segment is known, and every other segment is refused without being
// decoded.
func (r *Ring) ByHeader(segment string) (ed25519.PublicKey, bool) {
	public, ok := r.byHeader[segment]
	return public, ok
}

// JWKS is the document that publishes the keys, newest first, and its strong
// ETag.
func (r *Ring) JWKS() (document []byte, etag string) { return r.document, r.etag }

// New makes a key that does not sign yet, and seals it for the database.
func New(kid string, kek []byte, random io.Reader, now time.Time) (store.Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return store.Key{}, fmt.Errorf("random source: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	sealed, err := seal(kek, kid, private, random)
	if err != nil {
		return store.Key{}, err
	}
	public, err := json.Marshal(restingJWK{Crv: "Ed25519", X: encodePublic(private), Kty: "OKP"})
	if err != nil {
		return store.Key{}, err
	}
	return store.Key{ID: kid, PublicKey: string(public), PrivateKey: sealed, CreatedAt: now}, nil
}

// restingJWK is a public key as the existing service's database keeps it.
type restingJWK struct {
	Crv string `json:"crv"`
	X   string `json:"x"`
	Kty string `json:"kty"`
}

func encodePublic(private ed25519.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(private[ed25519.SeedSize:])
}

// Load opens the keys that a database had at readAt. A key that kek does not
// open is an error. A server that made a new key instead would refuse all
// tokens and hide the fault.
func Load(rows []store.Key, kek []byte, readAt time.Time) (*Ring, error) {
	ring := &Ring{
		readAt:   readAt,
		lives:    Lives(rows),
		keys:     make(map[string]Key, len(rows)),
		byHeader: make(map[string]ed25519.PublicKey, len(rows)),
	}
	var set wire.JWKS
	for _, l := range slices.Backward(ring.lives) {
		if !l.published(readAt) {
			continue
		}
		key, public, err := open(l.Key, kek)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", l.ID, err)
		}
		set.Keys = append(set.Keys, public)
		ring.keys[l.ID] = key
		ring.byHeader[key.Header] = key.Private.Public().(ed25519.PublicKey)
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("no signing key")
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(document)
	ring.document, ring.etag = document, `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`
	return ring, nil
}

// Opens checks that kek opens at least one of the keys, because a single key
// may be damaged.
func Opens(rows []store.Key, kek []byte) error {
	failed := errors.New("no signing key")
	for _, row := range rows {
		if _, _, err := open(row, kek); err == nil {
			return nil
		} else if row.RetiredAt.IsZero() {
			failed = fmt.Errorf("signing key %s: %w", row.ID, err)
		}
	}
	return failed
}

// open opens a key and makes its public JWK.
func open(row store.Key, kek []byte) (Key, wire.JWK, error) {
	private, err := unseal(kek, row.ID, row.PrivateKey)
	if err != nil {
		return Key{}, wire.JWK{}, err
	}
	public := wire.JWK{Alg: "EdDSA", Crv: "Ed25519", X: encodePublic(private), Kty: "OKP", Kid: row.ID, Use: "sig"}
	var resting restingJWK
	if err := json.Unmarshal([]byte(row.PublicKey), &resting); err != nil || resting.X != public.X {
		return Key{}, wire.JWK{}, errors.New("its public key in the database is not that of its private key")
	}
	header, err := encodeHeader(row.ID)
	if err != nil {
		return Key{}, wire.JWK{}, err
	}
	return Key{ID: row.ID, Header: header, Private: private, SignsFrom: row.SignsFrom, TokenTTL: row.TokenTTL}, public, nil
}

// encodeHeader is the JOSE header of the tokens that kid signs (RFC 7515
// section 4.1), base64url.
func encodeHeader(kid string) (string, error) {
	header, err := json.Marshal(struct {
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		Typ string `json:"typ"`
	}{"EdDSA", kid, "JWT"})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(header), nil
}
