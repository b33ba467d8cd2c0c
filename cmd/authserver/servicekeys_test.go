package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/wire"
)

// TestServiceKeyCommands makes a key, uses it at a running server, and revokes
// it.
func TestServiceKeyCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	execute(t, dir, "", nil, "migrate").is(0)
	made := execute(t, dir, "", nil, "service-keys", "create", "chat", "--operations=use,balance", "--expires=90d").is(0, "the only time")
	secret := strings.TrimSpace(made.out)
	if !strings.HasPrefix(secret, "mana_sk_") || strings.Contains(made.errs, secret) {
		t.Fatalf("standard output %q, standard error %q", made.out, made.errs)
	}
	keys := lines[serviceKeyLine](execute(t, dir, "", nil, "service-keys", "list", "--json").is(0))
	if len(keys) != 1 || keys[0].AppID != "chat" || strings.Join(keys[0].Operations, ",") != "use,balance" || keys[0].ExpiresAt.IsZero() {
		t.Fatalf("%+v", keys)
	}
	p := run(t, dir, "PORT=0", "SQLITE_PATH="+filepath.Join(dir, "manacore.db"))
	status := func() int {
		request, err := http.NewRequestWithContext(t.Context(), "GET", p.url+wire.InternalCreditsPath+"/balance/nobody", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(wire.ServiceKeyHeader, secret)
		request.Header.Set(wire.AppIDHeader, "chat")
		response, err := p.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	if got := status(); got != http.StatusNotFound { // let in; there is no such user
		t.Errorf("status %d", got)
	}
	execute(t, dir, "", nil, "service-keys", "revoke", keys[0].ID).is(0, "revoked")
	for got := status(); got != http.StatusUnauthorized; got = status() { // within a second
		if got != http.StatusNotFound {
			t.Fatalf("status %d", got)
		}
	}
	execute(t, dir, "", nil, "service-keys", "list").is(0, keys[0].ID, "use,balance")
	execute(t, dir, "", nil, "service-keys", "revoke", "nothing").is(exitFailed, "service-keys list")
	execute(t, dir, "", nil, "service-keys", "create", "a b").is(exitFailed, "no app id")
	execute(t, dir, "", nil, "service-keys", "create", "chat", "--operations=steal").is(exitFailed, "unknown operation")
	execute(t, dir, "", nil, "service-keys", "create", "chat", "--expires=soon").is(exitFailed, "not a duration")
}
