//go:build unix

package main

import (
	"flag"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./cmd/authserver -run TestBackendThatWasStopped -v -stopped 1m.
var stopped = flag.Duration("stopped", 3*time.Second, "for how long TestBackendThatWasStopped stops a backend: longer than the two seconds that a feed may lag")

// zitare builds examples/zitare, once.
var zitare = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binary), "zitare.test.exe")
	out, err := exec.Command("go", "build", "-o", path, "../../examples/zitare").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// runZitare starts a backend as a process of its own.
func runZitare(t *testing.T, authServer, revocations string) *process {
	t.Helper()
	path, err := zitare()
	if err != nil {
		t.Fatal(err)
	}
	return runProgram(t, path, t.TempDir(), nil, "PORT=0", "MANA_AUTH_URL="+authServer, "MANA_AUTH_REVOCATIONS="+revocations)
}

// me is the answer of zitare to a token, or -1 where there is none.
func (p *process) me(token string) int {
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.url+"/api/v1/me", nil)
	if err != nil {
		p.Error(err)
		return -1
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := p.client.Do(request)
	if err != nil {
		p.Error(err)
		return -1
	}
	if err := answer.Body.Close(); err != nil {
		p.Error(err)
	}
	return answer.StatusCode
}

// signal sends a signal to the process.
func (p *process) signal(s syscall.Signal) {
	p.Helper()
	if err := p.command.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

// TestBackendThatWasStopped: a session ends while the process of a backend is
// stopped. With the feed required the first answers afterwards are right, and
// otherwise they are as soon as the feed is fresh again.
func TestBackendThatWasStopped(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"auto", "required"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			server := run(t, t.TempDir(), "SQLITE_PATH="+filepath.Join(t.TempDir(), "auth.db"), kekVariable('k'), "PORT=0", "RATE_LIMIT_DISABLED=true")
			var user wire.RegisterResponse
			const credentials = `{"email":"ann@example.com","password":"correct horse"}`
			server.call(wire.RegisterPath, credentials, http.StatusCreated, &user)
			login := func() (tokens wire.TokenResponse) {
				server.call(wire.LoginPath, credentials, http.StatusOK, &tokens)
				return tokens
			}
			logout := func(tokens wire.TokenResponse) {
				server.send("POST", wire.LogoutPath, "", fmt.Sprintf(`{"refreshToken":%q}`, tokens.RefreshToken), http.StatusOK)
			}
			backend := runZitare(t, server.url, mode)
			first, ends, stays := login(), login(), login()
			for _, tokens := range []wire.TokenResponse{first, ends, stays} {
				if status := backend.me(tokens.AccessToken); status != http.StatusOK {
					t.Fatalf("status %d before the end", status)
				}
			}
			logout(first)
			backend.until(func() bool { return backend.me(first.AccessToken) == http.StatusUnauthorized })

			backend.signal(syscall.SIGSTOP)
			logout(ends)
			<-time.After(*stopped) // the process has no other clock than the machine's
			var all sync.WaitGroup
			answers := make([]int, 20)
			for n := range answers {
				all.Go(func() { answers[n] = backend.me(ends.AccessToken) })
			}
			backend.signal(syscall.SIGCONT)
			goesOn := time.Now()
			all.Wait()
			if mode == "required" && slices.ContainsFunc(answers, func(status int) bool { return status != http.StatusUnauthorized }) {
				t.Errorf("the first answers are %v, want 401", answers)
			}
			backend.until(func() bool { return backend.me(ends.AccessToken) == http.StatusUnauthorized })
			t.Logf("the first answers are %v, and 401 %v after the backend went on", answers, time.Since(goesOn))
			if status := backend.me(stays.AccessToken); status != http.StatusOK {
				t.Errorf("another session of the user: status %d", status)
			}
		})
	}
}
