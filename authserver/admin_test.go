package authserver

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenAdmin(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	admin, err := OpenAdmin(t.Context(), Config{Database: Database{SQLitePath: path}})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Close(); err != nil {
		t.Error(err)
	}
	if files := directory(t, filepath.Dir(path)); len(files) != 1 {
		t.Errorf("files %v, want the database alone", files)
	}
	if _, err := OpenAdmin(t.Context(), Config{Database: Database{SQLitePath: path}, Passwords: Passwords{MinLength: 1}}); err == nil || !strings.Contains(err.Error(), "Passwords.MinLength") {
		t.Errorf("a bad configuration: %v", err)
	}
}
