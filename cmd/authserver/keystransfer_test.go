package main

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestKeysTransfer moves the signing keys from one database to another by
// command, and gives the second one another key-encryption key.
func TestKeysTransfer(t *testing.T) {
	t.Parallel()
	one, other := t.TempDir(), t.TempDir()
	p := run(t, one, "PORT=0").started()
	var published wire.JWKS
	p.call(wire.JWKSPath, "", http.StatusOK, &published)
	if got := lines[wire.JWKS](execute(t, one, "", nil, "keys", "export").is(0))[0]; len(got.Keys) != 1 || got.Keys[0] != published.Keys[0] {
		t.Errorf("keys export prints %+v, published is %+v", got, published)
	}
	execute(t, one, "", nil, "keys", "thumbprint").is(0, published.Keys[0].Kid)
	file := filepath.Join(one, "keys.jwe")
	execute(t, one, "", nil, "keys", "export", "--private", file).is(0, "1 keys in")
	execute(t, one, "", nil, "keys", "export", "--private", file).is(exitFailed, "exist")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	p.kill()

	key, err := os.ReadFile(filepath.Join(one, "manacore.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealedWith := "IMPORT_KEY_ENCRYPTION_KEY=" + strings.TrimSpace(string(key))
	execute(t, other, "", nil, "migrate").is(0)
	execute(t, other, "", nil, "keys", "import", file).is(exitFailed, "another key-encryption key")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	execute(t, other, "", []string{sealedWith}, "keys", "import", file).is(exitFailed, "chmod 600")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, other, "", []string{sealedWith}, "keys", "import", file).is(0, "1 keys stored")
	execute(t, other, "", []string{sealedWith}, "keys", "import", file).is(0, "0 keys stored")

	execute(t, other, "", nil, "keys", "reseal").is(exitFailed, "NEW_KEY_ENCRYPTION_KEY is not set")
	next := strings.TrimPrefix(kekVariable(5), "KEY_ENCRYPTION_KEY=")
	execute(t, other, "", []string{"NEW_KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32))}, "keys", "reseal").is(exitFailed, "no random one")
	r := execute(t, other, "", []string{"NEW_KEY_ENCRYPTION_KEY=" + next}, "keys", "reseal", "--json").is(0, `"keys":1`)
	if strings.Contains(r.out+r.errs, next) {
		t.Error("reseal shows the key")
	}
	execute(t, other, "", []string{"PORT=0"}).is(exitFailed, "does not open the private key")
	p = run(t, other, "PORT=0", "KEY_ENCRYPTION_KEY="+next).started()
	var moved wire.JWKS
	p.call(wire.JWKSPath, "", http.StatusOK, &moved)
	if len(moved.Keys) != 1 || moved.Keys[0] != published.Keys[0] {
		t.Errorf("the second server publishes %+v, the first one %+v", moved, published)
	}
}
