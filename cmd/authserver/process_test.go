package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// binary is the command, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "authserver")
	if err == nil {
		err = os.Chmod(dir, 0o755) // for the test that runs it as another user
	}
	if err == nil {
		binary = filepath.Join(dir, "authserver.test.exe")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		os.Exit(pgtest.Stop(status))
	}))
}

// process is the command, running.
type process struct {
	*testing.T
	command *exec.Cmd
	url     string
	client  *http.Client
	lines   chan string // its log after the first line, the newest 1000 lines that were not read; closed when it ends
}

// run starts the command in dir with nothing in the environment but env.
func run(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	return runWith(t, dir, nil, env...)
}

// runWith is run with arguments.
func runWith(t *testing.T, dir string, args []string, env ...string) *process {
	t.Helper()
	return runProgram(t, binary, dir, args, env...)
}

// runProgram is runWith for any program whose first line in the log names its
// address.
func runProgram(t *testing.T, path, dir string, args []string, env ...string) *process {
	t.Helper()
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir, command.Env = dir, env
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stderr)
	if !log.Scan() {
		t.Fatalf("no log: %v, %v", log.Err(), command.Wait())
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	p := &process{T: t, command: command, url: address(t, log.Text()), client: &http.Client{Transport: transport}, lines: make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for log.Scan() {
			for kept := false; !kept; { // a server whose log nobody reads would stop at a full pipe
				select {
				case p.lines <- log.Text():
					kept = true
				default:
					select {
					case <-p.lines:
					default:
					}
				}
			}
		}
	}()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if p.command.ProcessState == nil {
			p.kill()
		}
	})
	return p
}

// address is the URL of a listener that a line of the log names.
func address(t *testing.T, line string) string {
	t.Helper()
	port := regexp.MustCompile(`\baddr(?:ess)?"?[=:]"?(?:127\.0\.0\.1|\[::\]):(\d+)"?}?$`).FindStringSubmatch(line)
	if port == nil {
		t.Fatalf("no address in the log: %s", line)
	}
	return "http://127.0.0.1:" + port[1]
}

// started waits until the server answers: the port is open before that.
func (p *process) started() *process {
	p.Helper()
	var health wire.Health
	p.call(wire.HealthPath, "", http.StatusOK, &health)
	return p
}

// until asks again and again, with a breath between.
func (p *process) until(done func() bool) {
	p.Helper()
	breath := time.NewTicker(20 * time.Millisecond)
	defer breath.Stop()
	for !done() {
		select {
		case <-breath.C:
		case <-p.Context().Done():
			p.Fatal(p.Context().Err())
		}
	}
}

// terminate tells the command to end.
func (p *process) terminate() {
	p.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.Error(err)
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.Helper()
	if err := p.command.Process.Kill(); err != nil {
		p.Error(err)
	}
	p.wait()
}

// wait waits for the end and returns the exit status and the rest of the log.
func (p *process) wait() (status int, log string) {
	p.Helper()
	var lines []string
	for line := range p.lines {
		lines = append(lines, line)
	}
	var exit *exec.ExitError
	if err := p.command.Wait(); err != nil && !errors.As(err, &exit) {
		p.Error(err)
	}
	return p.command.ProcessState.ExitCode(), strings.Join(lines, "\n")
}

// call sends body, or GETs where it is empty, and decodes the answer into v.
func (p *process) call(path, body string, status int, v any) {
	p.Helper()
	method := "GET"
	if body != "" {
		method = "POST"
	}
	if err := json.Unmarshal(p.send(method, path, "", body, status), v); err != nil {
		p.Fatal(err)
	}
}

// send sends a request, with an access token where bearer is not empty, and
// returns the body of the answer.
func (p *process) send(method, path, bearer, body string, status int) []byte {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := p.client.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		p.Fatalf("%s: %v, status %d, want %d: %s", path, err, response.StatusCode, status, content)
	}
	return content
}

// TestCrash: what was acknowledged is there after kill -9.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true")
	var (
		user              wire.RegisterResponse
		tokens, rotated   wire.TokenResponse
		before, after     wire.JWKS
		verdict, verdict2 wire.ValidateResponse
	)
	const login = `{"email":"ann@example.com","password":"correct horse"}`
	p.call(wire.RegisterPath, `{"email":"ann@example.com","password":"correct horse","name":"Ann"}`, 201, &user)
	p.call(wire.LoginPath, login, 200, &tokens)
	p.call(wire.RefreshPath, `{"refreshToken":"`+tokens.RefreshToken+`"}`, 200, &rotated)
	p.call(wire.JWKSPath, "", 200, &before)
	p.call(wire.ValidatePath, `{"token":"`+tokens.AccessToken+`"}`, 200, &verdict)
	p.kill()

	p = run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true")
	p.call(wire.JWKSPath, "", 200, &after)
	if diff := cmp.Diff(before, after); diff != "" || len(after.Keys) != 1 {
		t.Errorf("keys (-before +after):\n%s", diff)
	}
	p.call(wire.ValidatePath, `{"token":"`+tokens.AccessToken+`"}`, 200, &verdict2)
	if diff := cmp.Diff(verdict, verdict2); diff != "" || !verdict2.Valid {
		t.Errorf("verdict on an earlier access token (-before +after):\n%s", diff)
	}
	p.call(wire.RefreshPath, `{"refreshToken":"`+rotated.RefreshToken+`"}`, 200, &rotated)
	p.call(wire.LoginPath, login, 200, &tokens)
	if tokens.User.ID != user.ID {
		t.Errorf("user %s, registered %s", tokens.User.ID, user.ID)
	}
	var refused wire.Envelope
	p.call(wire.RegisterPath, `{"email":"ann@example.com","password":"correct horse","name":"Ann"}`, 409, &refused)
}

// TestCrashWhileWorking kills the server while many write, a few times over:
// every acknowledged registration is there, and the file opens.
func TestCrashWhileWorking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var acknowledged []string
	for round := range 3 {
		p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true")
		var (
			all  sync.WaitGroup
			lock sync.Mutex
			some = make(chan struct{}, 1000)
		)
		for worker := range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					email := fmt.Sprintf("u%d-%d-%d@example.com", round, worker, i)
					response, err := p.client.Post(p.url+wire.RegisterPath, "application/json",
						strings.NewReader(`{"email":"`+email+`","password":"correct horse","name":"Ann"}`))
					if err != nil {
						return // killed
					}
					response.Body.Close()
					if response.StatusCode == http.StatusCreated {
						lock.Lock()
						acknowledged = append(acknowledged, email)
						lock.Unlock()
						some <- struct{}{}
					}
				}
			})
		}
		for range 6 {
			<-some
		}
		p.kill()
		all.Wait()
	}
	p := run(t, dir, "PORT=0", "RATE_LIMIT_DISABLED=true")
	for _, email := range acknowledged {
		var tokens wire.TokenResponse
		p.call(wire.LoginPath, `{"email":"`+email+`","password":"correct horse"}`, 200, &tokens)
	}
}

// TestGracefulShutdown: a request that is under way when the signal comes is
// answered; then the process ends with 0.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := run(t, t.TempDir(), "PORT=0")
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			answers := bufio.NewReader(connection)
			fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\nExpect: 100-continue\r\n\r\n", wire.ValidatePath)
			if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
				t.Fatalf("%q, %v", line, err) // else the handler waits for the body now
			}
			if err := p.command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			for line := range p.lines {
				if strings.Contains(line, "shutting down") {
					break
				}
			}
			if _, err := io.WriteString(connection, `{"token":"x"}`); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(answers)
			if err != nil || !bytes.Contains(rest, []byte("HTTP/1.1 200 OK")) || !bytes.Contains(rest, []byte(`"valid":false`)) {
				t.Errorf("%v: %s", err, rest)
			}
			if status, log := p.wait(); status != 0 {
				t.Errorf("exit status %d: %s", status, log)
			}
		})
	}
}

// TestStartFails: a clear error, a status that is not 0, and nothing touched.
func TestStartFails(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, taken, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	kek := "KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, test := range []struct {
		name string
		env  []string
		args []string
		want string
		code int
	}{
		{"port taken", []string{"PORT=" + taken}, nil, "address already in use", 1},
		{"bad variables", []string{"PORT=x", "JWT_ACCESS_TOKEN_EXPIRY=900"}, nil, "JWT_ACCESS_TOKEN_EXPIRY", 1},
		{"PostgreSQL without a key", []string{"PORT=0", "DATABASE_URL=postgres://user:secret@db/mana"}, nil, "KEY_ENCRYPTION_KEY", 1},
		{"another database", []string{"PORT=0", kek, "DATABASE_URL=mysql://user:secret@db/mana"}, nil, "does not begin with postgres://", 1},
		{"PostgreSQL is down", []string{"PORT=0", kek, "DATABASE_URL=postgres://user:secret@127.0.0.1:1/mana?sslmode=disable"}, nil, "connection refused", 1},
		{"arguments", nil, []string{"serve", "now"}, "unexpected argument now", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			// A server that starts after all is a failure, not a hang.
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			command := exec.CommandContext(ctx, binary, test.args...)
			command.Dir, command.Env = dir, test.env
			out, err := command.CombinedOutput()
			if err == nil || command.ProcessState.ExitCode() != test.code {
				t.Errorf("exit: %v, want status %d", err, test.code)
			}
			if !strings.Contains(string(out), test.want) || strings.Contains(string(out), "secret") {
				t.Errorf("says %q, want %q in it", out, test.want)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("files were made: %v, %v", entries, err)
			}
		})
	}
}
