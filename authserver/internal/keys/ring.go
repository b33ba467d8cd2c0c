// Package keys holds the auth server's signing keys: how they are made, how
// they rest in the database, and the JWKS that publishes them.
//
// JWKs are written here and not by a JOSE library: wire.JWKS is the exact
// form, with the order of members that is in the field, and an Ed25519 key is
// one base64url string (RFC 8037 section 2).
package keys

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

// Key signs. Header is the first segment of every token that it signs.
type Key struct {
	ID      string
	Header  string
	Private ed25519.PrivateKey
	// CreatedAt is when the key was made.
	CreatedAt time.Time
}

// Ring is a set of keys at one moment. It does not change.
type Ring struct {
	signing  Key
	byHeader map[string]ed25519.PublicKey
	document []byte
	etag     string
}

// Signing is the key that signs: the newest.
func (r *Ring) Signing() Key { return r.signing }

// ByHeader finds the public key that belongs to a token's first segment. The
// server writes one header for each key, so that alg, kid and typ are right
// exactly if the segment is known, and anything else is refused unread.
func (r *Ring) ByHeader(segment string) (ed25519.PublicKey, bool) {
	public, ok := r.byHeader[segment]
	return public, ok
}

// JWKS is the document that publishes the keys, and its strong ETag.
func (r *Ring) JWKS() (document []byte, etag string) { return r.document, r.etag }

// New makes a key and seals it for the database.
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

// Load opens the keys of a database, newest first. One that kek does not open
// is an error: a server that made itself a new key instead would log nobody
// in and hide the fault.
func Load(rows []store.Key, kek []byte) (*Ring, error) {
	if len(rows) == 0 {
		return nil, errors.New("no signing key")
	}
	ring := &Ring{byHeader: make(map[string]ed25519.PublicKey, len(rows))}
	var set wire.JWKS
	for i, row := range rows {
		private, err := unseal(kek, row.ID, row.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", row.ID, err)
		}
		public := wire.JWK{Alg: "EdDSA", Crv: "Ed25519", X: encodePublic(private), Kty: "OKP", Kid: row.ID, Use: "sig"}
		var resting restingJWK
		if err := json.Unmarshal([]byte(row.PublicKey), &resting); err != nil || resting.X != public.X {
			return nil, fmt.Errorf("signing key %s: its public key in the database is not that of its private key", row.ID)
		}
		set.Keys = append(set.Keys, public)
		header, err := encodeHeader(row.ID)
		if err != nil {
			return nil, err
		}
		ring.byHeader[header] = private.Public().(ed25519.PublicKey)
		if i == 0 {
			ring.signing = Key{ID: row.ID, Header: header, Private: private, CreatedAt: row.CreatedAt}
		}
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(document)
	ring.document, ring.etag = document, `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`
	return ring, nil
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
