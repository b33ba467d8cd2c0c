package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/internal/wire"
)

// result is what became of a command.
type result struct {
	*testing.T
	status    int
	out, errs string
}

// execute runs the command with arguments in dir, with input on its standard
// input and nothing in the environment but env.
func execute(t *testing.T, dir, input string, env []string, args ...string) result {
	t.Helper()
	// One that goes on for ever is a failure, not a hang.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, binary, args...)
	command.Dir, command.Env, command.Stdin, command.Stdout, command.Stderr = dir, env, strings.NewReader(input), &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return result{t, command.ProcessState.ExitCode(), out.String(), errs.String()}
}

// is checks the exit status and what was said.
func (r result) is(status int, said ...string) result {
	r.Helper()
	for _, want := range said {
		if !strings.Contains(r.out+r.errs, want) {
			r.Errorf("says %q and %q, want %q in it", r.out, r.errs, want)
		}
	}
	if r.status != status {
		r.Fatalf("exit status %d, want %d: %q and %q", r.status, status, r.out, r.errs)
	}
	return r
}

// lines are the output's JSON values.
func lines[T any](r result) (values []T) {
	r.Helper()
	for line := range strings.Lines(r.out) {
		var v T
		if err := json.Unmarshal([]byte(line), &v, json.RejectUnknownMembers(true)); err != nil {
			r.Fatalf("%v in %s", err, line)
		}
		values = append(values, v)
	}
	return values
}

// names of the files in dir.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{
		"", "serve", "migrate", "check", "backup", "keys", "keys list", "keys rotate", "keys retire", "users", "users list", "users show", "users create", "users set-role", "users set-tier", "users disable",
		"users enable", "users delete", "users revoke-sessions", "sessions", "sessions list", "sessions revoke",
	} {
		dir := t.TempDir()
		said := strings.Fields(execute(t, dir, "", nil, append(strings.Fields(arguments), "-h")...).is(0, "Usage: authserver "+arguments).out)
		for _, v := range variables {
			if slices.Contains(said, v.name) != (arguments == "" || arguments == "serve") {
				t.Errorf("%q -h: is %s there?", arguments, v.name)
			}
		}
		if files := names(t, dir); len(files) != 0 {
			t.Errorf("%q -h made %q", arguments, files)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{
		"bogus", "serve now", "--port=1", "users", "users bogus", "users create", "users create ann@example.com", "users set-role ann", "users set-tier ann",
		"users create ann@example.com --name=Ann --password=secret", "users delete", "backup", "backup a b", "sessions", "sessions list",
		"migrate up", "migrate --dry", "keys", "keys retire",
	} {
		dir := t.TempDir()
		r := execute(t, dir, "", nil, strings.Fields(arguments)...).is(exitUsage, "-h shows the commands")
		if files := names(t, dir); len(files) != 0 || r.out != "" {
			t.Errorf("%q made %q and said %q", arguments, files, r.out)
		}
	}
}

// TestWithoutADatabase: a look makes none, and what is not there is said.
func TestWithoutADatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	execute(t, dir, "", nil, "migrate", "--dry-run").is(0, "00001", "nothing was changed")
	execute(t, dir, "", nil, "check").is(0, "not there yet")
	for _, arguments := range []string{
		"users list", "users create ann@example.com --name=Ann", "users delete ann", "sessions list ann", "sessions revoke x", "keys list",
		"keys rotate", "keys retire x",
	} {
		execute(t, dir, "", nil, strings.Fields(arguments)...).is(exitFailed, "authserver migrate")
	}
	execute(t, dir, "", nil, "backup", "copy").is(exitFailed, "nothing in manacore.db")
	if files := names(t, dir); len(files) != 0 {
		t.Errorf("files were made: %q", files)
	}
	execute(t, dir, "", nil, "migrate").is(0, "00001")
	execute(t, dir, "", nil, "migrate").is(0, "up to date")
	execute(t, dir, "", nil, "check").is(0, "none yet: serve makes the first")
	execute(t, dir, "", nil, "users", "list").is(0, "E-MAIL")
}

// TestOperator works on users and sessions while a server runs on the same
// file, which sees it.
func TestOperator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true").started()
	operate := func(arguments ...string) result {
		t.Helper()
		return execute(t, dir, "", nil, arguments...)
	}
	made := lines[struct {
		userLine `json:",inline"`
		Password string `json:"password"`
	}](operate("users", "create", "Ann@Example.com", "--name=Ann Lee", "--role=admin", "--json").is(0))[0]
	if made.Email != "ann@example.com" || made.Role != "admin" || len(made.Password) < 20 {
		t.Errorf("made %+v", made)
	}
	var tokens wire.TokenResponse
	login := func(email, password string) wire.TokenResponse {
		t.Helper()
		p.call(wire.LoginPath, `{"email":"`+email+`","password":"`+password+`"}`, http.StatusOK, &tokens)
		return tokens
	}
	verdict := func(token string, valid bool) {
		t.Helper()
		p.until(func() bool { // servers look within a second
			var got wire.ValidateResponse
			p.call(wire.ValidatePath, `{"token":"`+token+`"}`, http.StatusOK, &got)
			return got.Valid == valid
		})
	}
	ann := login("ann@example.com", made.Password)

	const password = "correct horse"
	execute(t, dir, password+"\r\nrest", nil, "users", "create", "bob@example.com", "--name=Bob", "--password-stdin").is(0, "bob@example.com", "user")
	execute(t, dir, "short\n", nil, "users", "create", "eve@example.com", "--name=Eve", "--password-stdin").is(exitFailed, "longer than or equal to 8")
	execute(t, dir, "", nil, "users", "create", "eve@example.com", "--name=Eve", "--password-stdin").is(exitFailed, "pipe one in")
	operate("users", "create", "bob@example.com", "--name=Bob").is(exitFailed, "taken")
	operate("users", "create", "eve@example.com", "--name=Eve", "--role=root").is(exitFailed, "no role")
	bob, second := login("bob@example.com", password), login("bob@example.com", password)

	operate("users", "list").is(0, "bob@example.com", "active", "Ann Lee")
	if users := lines[userLine](operate("users", "list", "--json").is(0)); len(users) != 2 {
		t.Errorf("users %+v", users)
	}
	sessions := lines[sessionLine](operate("sessions", "list", "bob@example.com", "--json").is(0))
	if len(sessions) != 2 || sessions[0].UserID != bob.User.ID || sessions[0].UserAgent == "" {
		t.Errorf("sessions %+v", sessions)
	}
	operate("sessions", "list", bob.User.ID).is(0, sessions[0].ID, sessions[1].ID)

	verdict(bob.AccessToken, true)
	operate("sessions", "revoke", sid(t, bob.AccessToken)).is(0, "ended")
	verdict(bob.AccessToken, false)
	verdict(second.AccessToken, true)
	operate("sessions", "revoke", sid(t, bob.AccessToken)).is(exitFailed, "no such session", "sessions list")
	operate("users", "revoke-sessions", "bob@example.com").is(0, "1 sessions ended")
	verdict(second.AccessToken, false)

	verdict(ann.AccessToken, true)
	operate("users", "set-role", "ann@example.com", "user").is(0, "user")
	verdict(ann.AccessToken, false)
	ann = login("ann@example.com", made.Password)
	operate("users", "set-tier", "ann@example.com", "beta").is(0, "beta")
	verdict(ann.AccessToken, true)
	operate("users", "set-tier", "ann@example.com", "gold").is(exitFailed, `"gold" is no tier`, "guest, public, beta, alpha, founder")
	operate("users", "disable", "ann@example.com").is(0, "disabled")
	verdict(ann.AccessToken, false)
	var refused wire.Envelope
	p.call(wire.LoginPath, `{"email":"ann@example.com","password":"`+made.Password+`"}`, http.StatusUnauthorized, &refused)
	operate("users", "enable", "ann@example.com").is(0, "active")
	ann = login("ann@example.com", made.Password)
	verdict(ann.AccessToken, true)
	operate("users", "delete", "ann@example.com").is(0, "deleted")
	verdict(ann.AccessToken, false)
	operate("users", "enable", "ann@example.com").is(exitFailed, "deleted")
	operate("users", "disable", "nobody@example.com").is(exitFailed, "no such user", "users list")

	operate("check").is(0, "keys", "ok")
	operate("migrate", "--dry-run").is(0, "up to date")
	restore(t, p, dir, password)
}

// restore backs up what the running server works on, and starts a server on
// the copy.
func restore(t *testing.T, p *process, dir, password string) {
	t.Helper()
	elsewhere := t.TempDir()
	copied := filepath.Join(elsewhere, "copy.db")
	execute(t, dir, "", nil, "backup", copied).is(0, "somewhere else")
	execute(t, dir, "", nil, "backup", copied).is(exitFailed, "name another file")
	execute(t, elsewhere, "", []string{"SQLITE_PATH=copy.db"}, "check").is(exitFailed, "restore the file")
	key, err := os.ReadFile(filepath.Join(dir, "manacore.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied+".key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, elsewhere, "", []string{"SQLITE_PATH=copy.db"}, "check").is(0)
	var before, after wire.TokenResponse
	const login = `{"email":"bob@example.com","password":"`
	p.call(wire.LoginPath, login+password+`"}`, http.StatusOK, &before)
	q := run(t, elsewhere, "PORT=0", "SQLITE_PATH=copy.db")
	q.call(wire.LoginPath, login+password+`"}`, http.StatusOK, &after)
	if before.User != after.User {
		t.Errorf("users %+v and %+v", before.User, after.User)
	}
}

// TestKeys rotates and retires keys while a server runs, which follows.
func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true").started()
	keys := func() []authserver.SigningKey {
		t.Helper()
		return lines[authserver.SigningKey](execute(t, dir, "", nil, "keys", "list", "--json").is(0))
	}
	published := func(kid string, want bool) {
		t.Helper()
		p.until(func() bool { // the server looks within seconds
			var set wire.JWKS
			p.call(wire.JWKSPath, "", http.StatusOK, &set)
			return slices.ContainsFunc(set.Keys, func(k wire.JWK) bool { return k.Kid == kid }) == want
		})
	}
	first := keys()
	if len(first) != 1 || first[0].State != "signing" {
		t.Fatalf("keys %+v", first)
	}
	published(first[0].ID, true)
	execute(t, dir, "", nil, "keys", "rotate").is(0, "keys list")
	execute(t, dir, "", nil, "keys", "rotate").is(exitFailed, "shows from when")
	next := keys()
	if len(next) != 2 || next[1].State != "next" {
		t.Fatalf("keys %+v", next)
	}
	published(next[1].ID, true)
	published(first[0].ID, true)

	var user wire.RegisterResponse
	var tokens wire.TokenResponse
	p.call(wire.RegisterPath, `{"email":"ann@example.com","password":"correct horse","name":"Ann"}`, http.StatusCreated, &user)
	p.call(wire.LoginPath, `{"email":"ann@example.com","password":"correct horse"}`, http.StatusOK, &tokens)
	execute(t, dir, "", []string{kekVariable(1)}, "keys", "retire", first[0].ID).is(exitFailed, "does not open the private key")
	execute(t, dir, "", nil, "keys", "retire", "nobody").is(exitFailed, "keys list")
	execute(t, dir, "", nil, "keys", "retire", first[0].ID).is(0, "retired")
	published(first[0].ID, false)
	var verdict wire.ValidateResponse
	if p.call(wire.ValidatePath, `{"token":"`+tokens.AccessToken+`"}`, http.StatusOK, &verdict); verdict.Valid {
		t.Error("a token of a retired key is good")
	}
	p.until(func() bool { // no key signs until every server knows of the retirement
		_, err := p.rotate(tokens.RefreshToken)
		return err == nil
	})
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	if got, want := printable("Änne\x1b[2J \u202Eevil\n"), "Änne\uFFFD[2J \uFFFDevil\uFFFD"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// sid is the session of an access token.
func sid(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		Sid string `json:"sid"`
	}
	if err := json.Unmarshal(claimsOf(t, token), &claims); err != nil || claims.Sid == "" {
		t.Fatalf("no sid: %v", err)
	}
	return claims.Sid
}

func claimsOf(t *testing.T, token string) []byte {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	claims, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestMetricsAddress: a stranger does not read the metrics unless the operator
// says so.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	get := func(url string, headers ...string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			if request.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
				request.Host = headers[i+1]
			}
		}
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	p := run(t, t.TempDir(), "PORT=0")
	for _, test := range []struct {
		headers []string
		want    int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:3001"}, 200},
		{[]string{"Host", "rebound.example.com"}, 404},
		{[]string{"X-Forwarded-For", "192.0.2.1"}, 404},
		{[]string{"Forwarded", "for=192.0.2.1"}, 404},
		{[]string{"X-Real-IP", "192.0.2.1"}, 404},
		{[]string{"Via", "1.1 proxy"}, 404},
	} {
		if got := get(p.url+"/metrics", test.headers...); got != test.want {
			t.Errorf("%q: %d, want %d", test.headers, got, test.want)
		}
	}

	p = run(t, t.TempDir(), "PORT=0", "METRICS_ADDR=127.0.0.1:0")
	second := address(t, <-p.lines)
	for url, want := range map[string]int{
		p.url + "/metrics": 404, p.url + "/health": 200, second + "/metrics": 200, second + "/health": 404, second + "/": 404,
	} {
		if got := get(url, "X-Forwarded-For", "192.0.2.1"); got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
	}
	p = run(t, t.TempDir(), "PORT=0", "METRICS_ADDR=off")
	if got := get(p.url + "/metrics"); got != 404 {
		t.Errorf("off: %d", got)
	}
}
