package keys

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/manacore/manacore-go/authserver/internal/durable"
)

// KEKBytes is the length of a key-encryption key.
const KEKBytes = 32

// ErrNoKeyFile means that there is no key file at the path.
var ErrNoKeyFile = errors.New("no key file")

// ReadKEK reads the key-encryption key in the file at path: base64, one line.
// The error is ErrNoKeyFile where there is no such file.
func ReadKEK(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s", ErrNoKeyFile, path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	kek, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(content)))
	if err != nil || len(kek) != KEKBytes {
		return nil, fmt.Errorf("key file %s is not the base64 of %d bytes", path, KEKBytes)
	}
	return kek, nil
}

// CreateKEK makes a key-encryption key and stores it at path with mode 0600.
// Where another process was faster, it returns the key in the file of that
// process. The file is complete and on the disk before its name exists.
func CreateKEK(path string, random io.Reader) ([]byte, error) {
	kek := make([]byte, KEKBytes)
	if _, err := io.ReadFull(random, kek); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	err := durable.Create(path, func(temp string) error {
		return os.WriteFile(temp, []byte(base64.StdEncoding.EncodeToString(kek)+"\n"), 0o600)
	})
	if errors.Is(err, fs.ErrExist) {
		return ReadKEK(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return kek, nil
}

// KEKSource says where the key-encryption key is.
type KEKSource struct {
	// Key is the key itself, of KEKBytes. Empty means that it is in File.
	Key []byte
	// File is the path of the key file. It is not read where Key is set.
	File string
}

// leastBytes is the least number of different bytes of a key that was made at
// random. Of 32 random bytes about 30 differ; fewer than 16 come once in 10^17
// keys.
const leastBytes = 16

// Check returns what is wrong with how the key-encryption key is made or kept,
// or nil where nothing is or there is none yet.
func (s KEKSource) Check() error {
	kek, from, err := s.find()
	if errors.Is(err, ErrNoKeyFile) {
		return nil
	}
	if err != nil {
		return err
	}
	different := make(map[byte]bool)
	for _, b := range kek {
		different[b] = true
	}
	if len(different) < leastBytes {
		return fmt.Errorf("the key-encryption key from %s has only %d different bytes, so it is no random one: make one with: openssl rand -base64 32", from, len(different))
	}
	if len(s.Key) > 0 {
		return nil
	}
	info, err := os.Stat(s.File)
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("the key file %s may be read by others than its owner (mode %04o): chmod 600 %s", s.File, info.Mode().Perm(), s.File)
	}
	return nil
}

// find finds the key-encryption key and says where it is from. The error is
// ErrNoKeyFile where the file is missing.
func (s KEKSource) find() (kek []byte, from string, err error) {
	if len(s.Key) > 0 {
		return s.Key, "the configuration", nil
	}
	kek, err = ReadKEK(s.File)
	if errors.Is(err, ErrNoKeyFile) {
		err = fmt.Errorf("%w, but the database holds signing keys that it seals: restore the file, or set the key-encryption key", err)
	}
	return kek, s.File, err
}

// Derive makes a key for another purpose from the key-encryption key, the same
// one on every server that has the same key-encryption key.
func (s KEKSource) Derive(purpose string) ([]byte, error) {
	kek, _, err := s.find()
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, kek, nil, purpose, KEKBytes)
}

// findOrCreate is find, but makes the file where it is missing.
func (s KEKSource) findOrCreate(random io.Reader) (kek []byte, from string, err error) {
	kek, from, err = s.find()
	if errors.Is(err, ErrNoKeyFile) {
		kek, err = CreateKEK(s.File, random)
	}
	return kek, from, err
}
