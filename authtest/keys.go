package authtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/manacore/manacore-go/internal/wire"
)

// key is one signing key of an issuer. A removed key stays known, so that a
// test can still sign with it and see it refused.
type key struct {
	kid       string
	private   ed25519.PrivateKey
	published bool
}

func (k *key) public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

func (k *key) jwk() wire.JWK {
	return wire.JWK{Alg: "EdDSA", Crv: "Ed25519", X: encode(k.public()), Kty: "OKP", Kid: k.kid, Use: "sig"}
}

// newKey makes the nth key of a seed, or a random one where seed is empty.
func newKey(seed string, n int) *key {
	secret := make([]byte, ed25519.SeedSize)
	if seed == "" {
		rand.Read(secret)
	} else {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", seed, n))
		copy(secret, sum[:])
	}
	k := &key{private: ed25519.NewKeyFromSeed(secret), published: true}
	k.kid = thumbprint(k.public())
	return k
}

// thumbprint is the JWK thumbprint of an Ed25519 key (RFC 7638 section 3,
// RFC 8037 section 2).
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + encode(public) + `"}`))
	return encode(sum[:])
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Rotate publishes a new key and signs with it from now on; the old ones stay
// published. It returns the new kid.
func (i *Issuer) Rotate() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := newKey(i.seed, len(i.keys))
	i.keys = append(i.keys, k)
	i.feed.add(entry{key: &wire.KeyChange{Kid: k.kid, Change: wire.KeyPublished}})
	return k.kid
}

// RemoveKey takes a key out of the key set and, if it was the one that signs,
// goes back to the newest that is left. Kid signs with it all the same.
func (i *Issuer) RemoveKey(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := i.find(kid)
	if k == nil {
		i.fatalf("authtest: RemoveKey: no key %q", kid)
		return
	}
	k.published = false
	i.feed.add(entry{key: &wire.KeyChange{Kid: k.kid, Change: wire.KeyRetired}})
}

// Kids are the published keys, oldest first; Token signs with the last one.
func (i *Issuer) Kids() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var kids []string
	for _, k := range i.keys {
		if k.published {
			kids = append(kids, k.kid)
		}
	}
	return kids
}

// PublicKey is the key of a kid, removed ones included; nil if there is none.
func (i *Issuer) PublicKey(kid string) ed25519.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	if k := i.find(kid); k != nil {
		return k.public()
	}
	return nil
}

// AddJWK puts one more entry into the key set, as it is and unchecked: an odd
// key, or text that is no key at all.
func (i *Issuer) AddJWK(raw string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.extra = append(i.extra, raw)
}

// SetJWKS serves document in place of the key set, as it is; nil goes back to
// the real one.
func (i *Issuer) SetJWKS(document []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.document = slices.Clone(document)
}

// find is called with the lock held.
func (i *Issuer) find(kid string) *key {
	for _, k := range i.keys {
		if k.kid == kid {
			return k
		}
	}
	return nil
}

// signer is the newest published key, or the newest of all where none is.
func (i *Issuer) signer() *key {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range slices.Backward(i.keys) {
		if k.published {
			return k
		}
	}
	return i.keys[len(i.keys)-1]
}
