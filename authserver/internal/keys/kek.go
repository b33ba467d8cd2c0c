package keys

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// KEKBytes is the length of a key-encryption key.
const KEKBytes = 32

// ErrNoKeyFile: there is no key file at the path.
var ErrNoKeyFile = errors.New("no key file")

// ReadKEK reads the key-encryption key in the file at path: base64, one line.
// ErrNoKeyFile where there is no such file.
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
// Where another process was faster, the key is that of the file it made. The
// file is whole and on the disk before its name exists.
func CreateKEK(path string, random io.Reader) (kek []byte, err error) {
	kek = make([]byte, KEKBytes)
	if _, err := io.ReadFull(random, kek); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	_, err = temp.WriteString(base64.StdEncoding.EncodeToString(kek) + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	// A link, because unlike a rename it does not replace a file that is there.
	if err := os.Link(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		return ReadKEK(path)
	} else if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return kek, syncDir(dir)
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}
