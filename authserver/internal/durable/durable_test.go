package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	write := func(content string) func(string) error {
		return func(temp string) error { return os.WriteFile(temp, []byte(content), 0o644) }
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := Create(path, func(temp string) error {
		return errors.Join(write("half")(temp), errors.New("no"))
	}); err == nil || err.Error() != "no" {
		t.Errorf("a failure while writing: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half a file: %v", err)
	}
	if err := Create(path, write("whole")); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, write("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second file: %v", err)
	}
	other := filepath.Join(filepath.Dir(path), "other")
	// The name is taken while the content is written.
	if err := Create(other, func(string) error { return write("theirs")(other) }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a race lost: %v", err)
	}
	for name, want := range map[string]string{path: "whole", other: "theirs"} {
		if content, err := os.ReadFile(name); err != nil || string(content) != want {
			t.Errorf("%s holds %q, %v, want %q", name, content, err, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestO29AbandonedFiles: what a killed process left behind goes when the next
// file is made, and what another one is at work on stays.
func TestO29AbandonedFiles(t *testing.T) {
	t.Parallel()
	if !canLock {
		t.Skip("files are not locked on this system")
	}
	dir := t.TempDir()
	for _, name := range []string{"old.123" + tempEnd, "old.123" + tempEnd + "-journal", "notes.123.tmp", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := Create(filepath.Join(dir, "one"), func(temp string) error {
		return errors.Join(
			os.WriteFile(temp, []byte("one"), 0o600),
			Create(filepath.Join(dir, "two"), func(temp string) error { return os.WriteFile(temp, []byte("two"), 0o600) }))
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{"notes", "notes.123.tmp", "one", "two"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}

// TestO29ManyAtOnce: files that are made at the same time in one folder do not
// take each other for abandoned.
func TestO29ManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 40 {
				path := filepath.Join(dir, fmt.Sprintf("file-%d-%d", n, i))
				if err := Create(path, func(temp string) error { return os.WriteFile(temp, []byte("x"), 0o600) }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
