package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"
)

// TestO27JSON runs every command with --json: standard output has a JSON object
// a line and nothing else.
func TestO27JSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tried := []string{"serve"} // whose log is tried below
	run := func(args ...string) []map[string]any {
		t.Helper()
		command := args[0]
		if len(args) > 1 && slices.Contains([]string{"keys", "users", "sessions", "service-keys"}, command) {
			command += " " + args[1]
		}
		tried = append(tried, command)
		r := execute(t, dir, "", nil, append(slices.Clone(args), "--json")...).is(0)
		list := lines[map[string]any](r)
		if len(list) == 0 {
			t.Errorf("%q prints nothing", args)
		}
		return list
	}
	run("migrate", "--dry-run")
	run("migrate")
	if p := runJSON(t, dir); !strings.Contains(p, `"msg":"shutting down","drain_ms":0`) {
		t.Errorf("the log of serve: %s", p)
	}
	run("check")
	run("backup", "copy")
	kid, _ := run("keys", "list")[0]["kid"].(string)
	run("keys", "rotate")
	run("keys", "thumbprint")
	run("keys", "export")
	run("keys", "export", "--private", "keys.jwe")
	run("keys", "import", "keys.jwe")
	run("keys", "retire", kid)
	tried = append(tried, "keys reseal") // which has a test of its own
	user, _ := run("users", "create", "ann@example.com", "--name=Ann")[0]["id"].(string)
	run("users", "list")
	run("users", "show", user)
	run("users", "set-role", user, "admin")
	run("users", "set-tier", user, "beta")
	run("users", "disable", user)
	run("users", "enable", user)
	run("users", "revoke-sessions", user)
	app := run("service-keys", "create", "chat")[0]
	if key, _ := app["key"].(string); !strings.HasPrefix(key, "mana_sk_") {
		t.Errorf("service-keys create: %v", app)
	}
	run("service-keys", "list")
	id, _ := app["id"].(string)
	run("service-keys", "revoke", id)
	tried = append(tried, "sessions list", "sessions revoke") // of which there are none here
	execute(t, dir, "", nil, "sessions", "list", user, "--json").is(0)
	execute(t, dir, "", nil, "sessions", "revoke", "nobody", "--json").is(exitFailed, "sessions list USER")
	run("users", "delete", user)

	parser, err := kong.New(&commands{}, kong.Name("authserver"), kong.Vars{"version": ""}, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if !slices.Contains(tried, leaf.FullPath()[len("authserver "):]) && !slices.Contains(tried, leaf.Path()) {
			t.Errorf("%s was not tried", leaf.Path())
		}
	}
}

// runJSON starts and ends a server whose log is JSON, and returns the log.
func runJSON(t *testing.T, dir string) string {
	t.Helper()
	p := runWith(t, dir, []string{"serve", "--json"}, "PORT=0").started()
	p.terminate()
	status, log := p.wait()
	if status != 0 {
		t.Fatalf("%d: %s", status, log)
	}
	for line := range strings.Lines(log) {
		if err := json.Unmarshal([]byte(line), new(map[string]any)); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	return log
}

func TestO27Version(t *testing.T) {
	t.Parallel()
	execute(t, t.TempDir(), "", nil, "--version").is(0, "authserver ", "go1.")
}
