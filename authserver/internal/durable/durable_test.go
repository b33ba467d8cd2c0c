package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
