package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

const refreshBytes = 32

// ErrSealed: what was sealed does not open with this token.
var ErrSealed = errors.New("token: sealed successor does not open")

// NewRefresh makes a refresh token: 256 random bits, base64url.
func NewRefresh(random io.Reader) (string, error) {
	secret := make([]byte, refreshBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("random source: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(secret), nil
}

// Digest is what is stored of a refresh token, and what finds it: the SHA-256
// of its text. The token is random, so that a plain hash cannot be guessed.
func Digest(refresh string) store.Digest { return sha256.Sum256([]byte(refresh)) }

// Seal encrypts successor so that the holder of spent, and nobody else, can
// recover it: XChaCha20-Poly1305 under a key derived from spent's plaintext,
// of which the database has no more than the SHA-256.
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

// Unseal recovers the successor that Seal encrypted. ErrSealed where sealed
// is not of that token.
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
// Digest and from every other use of the token.
func sealingKey(spent string) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(spent), nil, "manacore refresh successor v1", chacha20poly1305.KeySize)
}
