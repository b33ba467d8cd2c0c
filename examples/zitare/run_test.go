package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
)

// TestRun starts zitare as main does: the environment is all that tells the
// modes apart. It changes the environment and the default logger, so it does
// not run beside other tests.
func TestRun(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	for _, c := range []struct {
		name, mode, fallback string
		broken               int // status for a good token while /validate fails
	}{
		{"default", "", "", 200},
		{"local", "local", "", 200},
		{"remote", "remote", "", 503},
		{"remote with fallback", "remote", "local", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			issuer := authtest.NewIssuer(t)
			token := issuer.Token()
			t.Setenv("PORT", "0")
			t.Setenv("MANA_CORE_AUTH_URL", issuer.URL())
			t.Setenv("MANA_AUTH_MODE", c.mode)
			t.Setenv("MANA_AUTH_FALLBACK", c.fallback)
			t.Setenv("JWT_ISSUER", "")
			t.Setenv("JWT_AUDIENCE", "")
			logs, log := io.Pipe()
			slog.SetDefault(slog.New(slog.NewJSONHandler(firstLine{log}, nil)))

			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			var line struct {
				Address string `json:"address"`
			}
			if err := json.NewDecoder(logs).Decode(&line); err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(line.Address)
			if err != nil {
				t.Fatalf("the first line names the address %q: %v", line.Address, err)
			}
			url := "http://127.0.0.1:" + port + mePath
			statuses := []int{status(t, url, ""), status(t, url, token)}
			issuer.FaultValidate(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
			statuses = append(statuses, status(t, url, token))
			if diff := cmp.Diff([]int{401, 200, c.broken}, statuses); diff != "" {
				t.Errorf("no token, token, token while /validate fails (-want +got):\n%s", diff)
			}
			stop()
			if err := <-ended; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// firstLine hands on the first write and drops the rest.
type firstLine struct{ to *io.PipeWriter }

func (f firstLine) Write(b []byte) (int, error) {
	if _, err := f.to.Write(bytes.Clone(b)); err == nil {
		f.to.Close()
	}
	return len(b), nil
}

func status(t *testing.T, url, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestRunRefusesBadEnvironment(t *testing.T) {
	for _, c := range []struct{ variable, value string }{
		{"MANA_AUTH_MODE", "Remote"},
		{"MANA_AUTH_FALLBACK", "true"},
		{"MANA_CORE_AUTH_URL", "localhost:3001"},
		{"PORT", "99999"},
	} {
		t.Run(c.variable, func(t *testing.T) {
			t.Setenv("PORT", "0")
			t.Setenv(c.variable, c.value)
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // where it does start, it ends
			if err := run(ctx); err == nil {
				t.Errorf("%s=%s: run started", c.variable, c.value)
			}
		})
	}
}
