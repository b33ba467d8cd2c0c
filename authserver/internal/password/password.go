// Package password hashes and verifies passwords with argon2id, a bounded
// number at once.
//
// A password is normalised to Unicode NFKC before it is hashed, so that it is
// the same from keyboards that compose characters and from those that do not.
// The existing service does so too: a hash taken over from it and a hash of
// ours accept the same input. Nothing else is changed and nothing cut off.
package password

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a hash: OWASP ASVS 5.0, 11.4.2.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	keyBytes  = 32
)

var (
	// ErrBusy means that the queue has no room for the caller, or that the wait
	// would be too long. Try again later.
	ErrBusy = errors.New("password: too many passwords wait to be hashed")
	// ErrFormat means that the stored hash has an unknown form.
	ErrFormat = errors.New("password: unknown hash format")
)

// Hasher hashes at most a given number of passwords at once, because each takes
// 19 MiB and a core, one less of strangers, and lets a given number wait, each
// for its fair turn. It is safe for concurrent use.
type Hasher struct {
	queue   *queue
	refused atomic.Uint64
	hashed  atomic.Uint64
	random  io.Reader
}

// Load is the work of a Hasher at one moment.
type Load struct {
	Working int    // passwords being hashed
	Waiting int    // callers that wait for their turn
	Refused uint64 // callers that got ErrBusy, since New
	Hashed  uint64 // passwords that were hashed, since New
}

// Load reads the work of this moment.
func (h *Hasher) Load() Load {
	working, waiting := h.queue.load()
	return Load{Working: working, Waiting: waiting, Refused: h.refused.Load(), Hashed: h.hashed.Load()}
}

// New makes a Hasher with concurrency > 0 and queue ≥ 0; salts come from
// random. As many strangers as queue says may wait, and beside them as many
// known devices.
func New(concurrency, queue int, random io.Reader) *Hasher {
	return &Hasher{queue: newQueue(concurrency, queue), random: random}
}

// Hash makes a PHC string of password. The error is ErrBusy where the queue is
// full.
func (h *Hasher) Hash(ctx context.Context, from From, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("password: random source: %w", err)
	}
	key, err := h.derive(ctx, from, password, salt)
	if err != nil {
		return "", err
	}
	return encode(salt, key), nil
}

// Verify reports whether password fits encoded, a PHC string. The error is
// ErrBusy where the queue is full, and ErrFormat where encoded is not a hash of
// this package. That takes as long as any other answer.
func (h *Hasher) Verify(ctx context.Context, from From, password, encoded string) (bool, error) {
	salt, want, err := decode(encoded)
	if err != nil {
		return false, cmp.Or(h.Burn(ctx, from, password), err)
	}
	got, err := h.derive(ctx, from, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// Burn takes as long as Verify and accepts nothing. A login without an account
// calls it, so that the time does not tell whether there is one.
func (h *Hasher) Burn(ctx context.Context, from From, password string) error {
	_, err := h.derive(ctx, from, password, make([]byte, saltBytes))
	return err
}

func (h *Hasher) derive(ctx context.Context, from From, password string, salt []byte) ([]byte, error) {
	if err := h.queue.enter(ctx, from); err != nil {
		if errors.Is(err, ErrBusy) {
			h.refused.Add(1)
		}
		return nil, err
	}
	began := time.Now()
	defer func() { h.queue.done(from, time.Since(began)) }()
	h.hashed.Add(1)
	return argon2.IDKey(norm.NFKC.Bytes([]byte(password)), salt, passes, memoryKiB, lanes, keyBytes), nil
}

// prefix begins every hash of this package. The parameters are part of it, so
// that a hash with other parameters has another format, which this package does
// not read.
var prefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, lanes)

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return prefix + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key)
}

func decode(encoded string) (salt, key []byte, err error) {
	rest, ours := strings.CutPrefix(encoded, prefix)
	saltText, keyText, split := strings.Cut(rest, "$")
	if !ours || !split {
		return nil, nil, ErrFormat
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, saltErr := b64.DecodeString(saltText)
	key, keyErr := b64.DecodeString(keyText)
	if saltErr != nil || keyErr != nil || len(salt) != saltBytes || len(key) != keyBytes {
		return nil, nil, ErrFormat
	}
	return salt, key, nil
}
