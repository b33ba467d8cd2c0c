package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(pgtest.Stop(status)) }))
}

var silent = slog.New(slog.DiscardHandler)

// TestRun runs the command whole. Its temporary files go where TMPDIR says,
// and none may be left.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name      string
		args      []string
		interrupt string // ends the run when it is printed
		status    int
		out, errs string // somewhere in the output, and in what goes to standard error
	}{
		{"the story", []string{"-v"}, "", 0, "All 15 answers were the expected ones.", "server=auth"},
		{"interrupted before the story", nil, "Mana Core", 1, "", "context canceled"},
		{"interrupted within it", nil, "She logs in", 1, "FAILED", "context canceled"},
		{"help", []string{"-h"}, "", 0, "", "exit status is 0 only if"},
		{"unknown flag", []string{"-x"}, "", 2, "", "-serve"},
		{"argument", []string{"serve"}, "", 2, "", "takes no arguments"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out, errs bytes.Buffer
			if status := run(ctx, c.args, tripwire{&out, c.interrupt, cancel}, &errs); status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errs.String(), c.errs) {
				t.Errorf("want %q in the output and %q in the errors:\n%s\n%s", c.out, c.errs, &out, &errs)
			}
			requireEmpty(t, dir)
			requireReadable(t, out.String())
			if token := wholeToken.FindString(out.String() + errs.String()); token != "" {
				t.Errorf("H162 in the transcript or the logs: %s", token)
			}
		})
	}
}

// wholeToken is a refresh token (43 characters) or an access token.
var wholeToken = regexp.MustCompile(`[\w-]{43,}|[\w-]{10,}\.[\w-]+\.[\w-]{5,}`)

func requireReadable(t *testing.T, transcript string) {
	t.Helper()
	for line := range strings.Lines(transcript) {
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// tripwire interrupts when text is written.
type tripwire struct {
	io.Writer
	text      string
	interrupt func()
}

func (w tripwire) Write(b []byte) (int, error) {
	if w.text != "" && bytes.Contains(b, []byte(w.text)) {
		w.interrupt()
	}
	return w.Writer.Write(b)
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestServe finds both servers at the addresses that the output names, and
// ends them as Ctrl-C does.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	text, stdout := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-serve"}, stdout, io.Discard)
		stdout.Close()
	}()
	var shown strings.Builder
	for buffer := make([]byte, 4096); !strings.Contains(shown.String(), "Ctrl-C ends both."); {
		n, err := text.Read(buffer)
		shown.Write(buffer[:n])
		if err != nil {
			t.Fatalf("%v after:\n%s", err, shown.String())
		}
	}
	go io.Copy(io.Discard, text)
	for name, c := range map[string]struct {
		path   string
		status int
	}{"AUTH": {"/api/v1/health", 200}, "BACKEND": {"/api/v1/me", 401}} {
		url := regexp.MustCompile(name + `=(\S+)`).FindStringSubmatch(shown.String())[1]
		response, err := http.Get(url + c.path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s answers %d, want %d", name, response.StatusCode, c.status)
		}
	}
	interrupt()
	if status := <-ended; status != 0 {
		t.Errorf("exit status %d", status)
	}
	requireEmpty(t, dir)
}

// Backends with a fault each; the story has to notice every one.
func TestStoryNotices(t *testing.T) {
	t.Parallel()
	me := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := client.CurrentUser(r.Context())
		reply(w, user)
	})
	for _, c := range []struct {
		name    string
		backend func(client.Verifier) http.Handler
		failed  string // the steps that fail, in order
	}{
		{"no guard", func(client.Verifier) http.Handler { return me }, "4 5 6 13 15"},
		{"refuses everyone", func(client.Verifier) http.Handler {
			return newBackend(verifierFunc(func(context.Context, string) (client.User, error) { return client.User{}, client.ErrClaims }))
		}, "5 13"},
		{"blind to signatures and logout", func(auth client.Verifier) http.Handler {
			var first client.User
			return newBackend(verifierFunc(func(ctx context.Context, token string) (client.User, error) {
				if token == "" || first.ID != "" {
					return first, errIf(token == "", client.ErrNoToken)
				}
				user, err := auth.Verify(ctx, token)
				first = user
				return user, err
			}))
		}, "6 15"},
		{"does not answer in JSON", func(client.Verifier) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		}, "4 5 6 13 15"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			servers, err := start(t.Context(), silent, c.backend)
			if err != nil {
				t.Fatal(err)
			}
			defer servers.close()
			var out bytes.Buffer
			if err := tell(t.Context(), servers.authURL, servers.backendURL, &out); err == nil {
				t.Error("the story passes")
			}
			var failed []string
			for _, step := range regexp.MustCompile(`(?ms)^ ?(\d+)\. .*?^    (ok|FAILED) `).FindAllStringSubmatch(out.String(), -1) {
				if step[2] == "FAILED" {
					failed = append(failed, step[1])
				}
			}
			if got := strings.Join(failed, " "); got != c.failed {
				t.Errorf("failed steps %q, want %q:\n%s", got, c.failed, &out)
			}
		})
	}
}

type verifierFunc func(ctx context.Context, token string) (client.User, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (client.User, error) {
	return f(ctx, token)
}

func errIf(failed bool, err error) error {
	if failed {
		return err
	}
	return nil
}

// TestStoryNeedsAnAnswer has nobody where the backend should be.
func TestStoryNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	servers, err := start(t.Context(), silent, newBackend)
	if err != nil {
		t.Fatal(err)
	}
	defer servers.close()
	if err := tell(t.Context(), servers.authURL, "http://127.0.0.1:1", io.Discard); err == nil {
		t.Error("the story passes without a backend")
	}
}

func TestPretty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{`{"b":1,"a":{"c":[]}}`, "{\n  \"b\": 1,\n  \"a\": {\n    \"c\": []\n  }\n}"},
		{`{"token":"` + strings.Repeat("x", 43) + `"}`, "{\n  \"token\": \"xxxxxxxxxx… (43 characters)\"\n}"},
		{"", ""},
		{"<html>", `"<html>"`},
		{`{"a":1}{`, `"{\"a\":1}{"`},
	} {
		if got := pretty([]byte(c.in)); got != c.want {
			t.Errorf("pretty(%s) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestForge(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "a.b", "a.!.c", "a.e30.c"} {
		if forged, err := forge(token); err == nil {
			t.Errorf("forge(%q) = %q", token, forged)
		}
	}
}
