package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrWrongKEK means that a private key was sealed with another key-encryption
// key, or that its row was tampered with.
var ErrWrongKEK = errors.New("the key-encryption key does not open the private key")

// sealedPrefix begins a sealed private key. The base64url of nonce and
// ciphertext follows it. It cannot be mistaken for a form of Better Auth, which
// is a JSON text or begins with "$ba$".
const sealedPrefix = "$mana$1$"

// additional binds a sealed private key to its purpose and its kid, so that it
// does not open if it is moved to another row.
func additional(kid string) []byte { return []byte("manacore signing key v1\x00" + kid) }

// seal encrypts the seed of an Ed25519 private key (RFC 8032 section 5.1.5)
// with XChaCha20-Poly1305.
func seal(kek []byte, kid string, private ed25519.PrivateKey, random io.Reader) (string, error) {
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+ed25519.SeedSize+aead.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, private.Seed(), additional(kid))), nil
}

func unseal(kek []byte, kid, sealed string) (ed25519.PrivateKey, error) {
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return nil, err
	}
	encoded, ours := strings.CutPrefix(sealed, sealedPrefix)
	box, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ours || err != nil || len(box) != aead.NonceSize()+ed25519.SeedSize+aead.Overhead() {
		return nil, errors.New("the private key at rest is of no known form")
	}
	seed, err := aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], additional(kid))
	if err != nil {
		return nil, ErrWrongKEK
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
