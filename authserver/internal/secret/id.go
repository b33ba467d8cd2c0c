// Package secret makes ids and opaque secrets (refresh tokens, service keys),
// the digests that are stored of them, and seals that only the holder of a
// secret opens.
package secret

import (
	"fmt"
	"io"
)

const (
	idLength = 32
	alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	// unbiased is the largest multiple of the alphabet's size that a byte can
	// count: bytes from there on would favour the first letters.
	unbiased = 256 / len(alphabet) * len(alphabet)
)

// NewID makes an id of 32 characters [a-zA-Z0-9], each equally likely: 190
// bits, the form of the existing service's ids.
func NewID(random io.Reader) (string, error) {
	id := make([]byte, 0, idLength)
	var buffer [idLength]byte
	for len(id) < idLength {
		if _, err := io.ReadFull(random, buffer[:]); err != nil {
			return "", fmt.Errorf("random source: %w", err)
		}
		for _, b := range buffer {
			if int(b) < unbiased && len(id) < idLength {
				id = append(id, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(id), nil
}
