package secret

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// secretBytes is the length of a secret: 256 bits.
const secretBytes = 32

// ErrSealed means that a seal does not open with the secret that was given.
var ErrSealed = errors.New("secret: sealed successor does not open")

// New makes a secret: 256 random bits, base64url without padding.
func New(random io.Reader) (string, error) {
	raw := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// Hash is what is stored of a secret, and what finds it: the SHA-256 of its
// text. A secret is random, so nobody can guess it and compare the hash.
func Hash(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// Seal encrypts successor so that the holder of spent, and nobody else, can
// recover it: XChaCha20-Poly1305 under a key derived from spent's plaintext, of
// which the database has only the SHA-256.
func Seal(spent, successor string, random io.Reader) ([]byte, error) {
	key, err := sealingKey(spent)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(successor)+aead.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	return aead.Seal(nonce, nonce, []byte(successor), nil), nil
}

// Unseal recovers the successor that Seal encrypted. The error is ErrSealed
// where sealed was not made for spent.
func Unseal(spent string, sealed []byte) (successor string, err error) {
	key, err := sealingKey(spent)
	if err != nil {
		return "", err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return "", err
	}
	if len(sealed) < aead.NonceSize() {
		return "", ErrSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	if err != nil {
		return "", ErrSealed
	}
	return string(plain), nil
}

// sealingKey is HKDF-SHA256 (RFC 5869). Its info string keeps it apart from
// Hash and from every other use of the secret.
func sealingKey(spent string) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(spent), nil, "manacore refresh successor v1", chacha20poly1305.KeySize)
}
