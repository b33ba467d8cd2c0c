// Package durable creates files that are either complete or not there.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Create makes the file at path with mode 0600. write gets the name of an empty
// temporary file in the same folder, and fills that file. The content is on the
// disk before the name path exists. Where there is something at path already,
// Create leaves it as it is and returns fs.ErrExist.
func Create(path string, write func(temp string) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	dir := filepath.Dir(path)
	if err := removeAbandoned(dir); err != nil {
		return err
	}
	temp, err := newTemp(dir, filepath.Base(path))
	if err != nil {
		return err
	}
	// It stays open, and so locked, until it has its name: another process would
	// take it for abandoned.
	defer func() { err = errors.Join(err, temp.Close(), removeIfThere(temp.Name())) }()
	if err := write(temp.Name()); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	// A link, because unlike a rename it does not replace a file that is there.
	if err := os.Link(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// tempEnd ends the names of temporary files, so that those that a killed process
// has left behind can be told from files of others.
const tempEnd = ".authserver.tmp"

// newTemp makes an empty temporary file with mode 0600, and locks it for as long
// as it is open.
func newTemp(dir, base string) (*os.File, error) {
	for range 10 {
		temp, err := os.CreateTemp(dir, base+".*"+tempEnd)
		if err != nil {
			return nil, err
		}
		if lock(temp) && isNamed(temp) {
			return temp, nil
		}
		// Another process has taken it for abandoned in the moment before.
		if err := errors.Join(temp.Close(), removeIfThere(temp.Name())); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("a temporary file in %s could not be locked", dir)
}

// removeAbandoned deletes the temporary files in dir that no process has locked,
// and what SQLite keeps beside a database.
func removeAbandoned(dir string) error {
	if !canLock {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), tempEnd) {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue // gone meanwhile, or another user's
		}
		if lock(file) {
			for _, beside := range []string{"", "-journal", "-wal", "-shm"} {
				errs = append(errs, removeIfThere(name+beside))
			}
		}
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// isNamed reports whether the name of an open file is still that file's.
func isNamed(file *os.File) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(file.Name())
	return err == nil && os.SameFile(opened, named)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
