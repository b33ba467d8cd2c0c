package client_test

import (
	"os"
	"path/filepath"
	"testing"
)

// corpora is the folder of the third-party vectors, which are not part of the
// module: the one that AUTH_CORPORA names, or shared/corpora beside a folder
// above this one.
func corpora(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("AUTH_CORPORA"); dir != "" {
		return dir
	}
	return shared(t, "corpora")
}

// shared finds a folder of shared/ beside a folder above this one.
func shared(t *testing.T, name string) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", name)
		if _, err := os.Stat(found); err == nil {
			return found
		}
		if dir == filepath.Dir(dir) {
			t.Skipf("no shared/%s above %s, and AUTH_CORPORA is not set", name, at)
		}
	}
}
