package pgtest

import (
	"os"
	"path/filepath"
	"testing"
)

// dump is a database of the existing service, which is not part of the module.
const dump = "mana-core-auth-4d15d9e76.sql"

// Existing is New with the existing service's tables and data: those of the
// dump in the folder that AUTH_FIXTURES names, or in shared/fixtures beside a
// folder above the test's. It skips the test where there is none.
func Existing(t testing.TB) string {
	t.Helper()
	statements, err := os.ReadFile(filepath.Join(fixtures(t), dump))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	url := New(t)
	Exec(t, url, string(statements))
	return url
}

func fixtures(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("AUTH_FIXTURES"); dir != "" {
		return dir
	}
	at, err := os.Getwd()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "fixtures")
		if _, err := os.Stat(found); err == nil {
			return found
		}
		if dir == filepath.Dir(dir) {
			t.Skipf("no shared/fixtures above %s, and AUTH_FIXTURES is not set", at)
		}
	}
}
