package main

import (
	_ "embed"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:embed testdata/jose.mjs
var joseScript []byte

// TestJose has Node's jose verify an access token of the auth server, as
// services that are not in Go do. It needs Node and a folder with the package:
//
//	npm install --prefix FOLDER jose
//	JOSE_NODE_MODULES=FOLDER/node_modules go test -run TestJose ./examples/quickstart
func TestJose(t *testing.T) {
	t.Parallel()
	modules := os.Getenv("JOSE_NODE_MODULES")
	if modules == "" {
		t.Skip("JOSE_NODE_MODULES names no node_modules folder with jose")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node:", err)
	}
	servers, err := start(t.Context(), silent, newBackend)
	if err != nil {
		t.Fatal(err)
	}
	defer servers.close()
	// The story registers the user.
	if err := tell(t.Context(), servers.authURL, servers.backendURL, io.Discard); err != nil {
		t.Fatal(err)
	}

	// Node finds packages in the folders above a script.
	dir := t.TempDir()
	script := filepath.Join(dir, "jose.mjs")
	if err := os.WriteFile(script, joseScript, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	command := exec.CommandContext(t.Context(), node, script)
	command.Env = append(os.Environ(), "AUTH="+servers.authURL, "EMAIL="+email, "PASSWORD="+password)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var seen map[string]string
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"jose":              email,
		"joseOtherIssuer":   "ERR_JWT_CLAIM_VALIDATION_FAILED",
		"joseOtherAudience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
		"joseForged":        "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
		"guard":             email,
		"guardForged":       "Invalid token: signature verification failed",
		"guardAfterLogout":  "Invalid token: session has ended",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
