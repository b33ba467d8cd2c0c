package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	loginPath    = wire.LoginPath
	nowherePath  = "/api/v1/nowhere"
	goodPassword = "correct horse battery"
	knownAddress = "203.0.113.1"
	newAddress   = "203.0.114.1"
	// patience is how long a user on a new device tries after the end.
	patience = 15 * time.Minute
)

// server is the program that is flooded.
type server struct {
	command      *exec.Cmd
	dir          string
	url, metrics string
	client       *http.Client
}

// startServer builds the program where it has to, and starts it.
func startServer(ctx context.Context, binary string) (*server, error) {
	dir, err := os.MkdirTemp("", "floodtest")
	if err != nil {
		return nil, err
	}
	if binary == "" {
		binary = filepath.Join(dir, "authserver")
		//nolint:gosec // the folder is ours
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/authserver").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	ports := [2]int{}
	for i := range ports {
		if ports[i], err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	s := &server{
		dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[1]),
		client: &http.Client{Timeout: 30 * time.Second},
	}
	s.command = exec.CommandContext(ctx, binary)
	s.command.Dir = dir
	s.command.Env = []string{
		fmt.Sprintf("PORT=%d", ports[0]), fmt.Sprintf("METRICS_ADDR=127.0.0.1:%d", ports[1]), "TRUSTED_PROXIES=127.0.0.0/8",
		"KEY_ENCRYPTION_KEY=" + base64.StdEncoding.EncodeToString([]byte("floodtest, with 32 bytes of key!")),
	}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if response, err := s.client.Do(s.health()(ctx)); err == nil {
			return s, response.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("the server does not answer at %s", s.url)
}

func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0, err
	}
	return port, l.Close()
}

func (s *server) stop() error {
	_ = s.command.Process.Kill()
	_ = s.command.Wait() // it was killed
	return os.RemoveAll(s.dir)
}

// asks makes a request; the address is that of the client.
type asks func(ctx context.Context) *http.Request

func (s *server) ask(method, path, address string, body any) asks {
	return func(ctx context.Context) *http.Request {
		doc, err := json.Marshal(body)
		if err != nil {
			panic(err) // the bodies are maps of strings
		}
		r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(string(doc)))
		if err != nil {
			panic(err) // the URLs are constants
		}
		r.Header.Set("X-Forwarded-For", address)
		r.Header.Set("Content-Type", "application/json")
		return r
	}
}

func (s *server) validate(token string) asks {
	return s.ask(http.MethodPost, wire.ValidatePath, knownAddress, map[string]string{"token": token})
}

func (s *server) health() asks { return s.ask(http.MethodGet, "/health", knownAddress, nil) }

// prepare registers the user, who has logged in from the known address, and
// returns an access token.
func (s *server) prepare(ctx context.Context) (token string, err error) {
	body := map[string]string{"email": "ann@example.com", "password": goodPassword, "name": "Ann"}
	if _, err := s.text(ctx, s.ask(http.MethodPost, wire.RegisterPath, knownAddress, body), http.StatusCreated); err != nil {
		return "", err
	}
	delete(body, "name")
	doc, err := s.text(ctx, s.ask(http.MethodPost, loginPath, knownAddress, body), http.StatusOK)
	if err != nil {
		return "", err
	}
	var tokens wire.TokenResponse
	err = json.Unmarshal([]byte(doc), &tokens)
	return tokens.AccessToken, err
}

func (s *server) login(ctx context.Context, address string) error {
	_, err := s.text(ctx, s.ask(http.MethodPost, loginPath, address, map[string]string{"email": "ann@example.com", "password": goodPassword}), http.StatusOK)
	return err
}

// newDevice is how long a user on a new device has to wait after the end.
func (s *server) newDevice(ctx context.Context) time.Duration {
	began := time.Now()
	for s.login(ctx, newAddress) != nil && time.Since(began) < patience && ctx.Err() == nil {
		time.Sleep(time.Second)
	}
	return time.Since(began).Round(time.Second)
}

// text is the body of an answer, which has to have that status.
func (s *server) text(ctx context.Context, a asks, status int) (string, error) {
	response, err := s.client.Do(a(ctx))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("%d %s", response.StatusCode, body)
	}
	return string(body), err
}

// timed is how long an answer takes.
func (s *server) timed(ctx context.Context, a asks) time.Duration {
	began := time.Now()
	_, _ = s.text(ctx, a, http.StatusOK) // one that does not come takes long
	return time.Since(began)
}

var hashedCount = regexp.MustCompile(`(?m)^authserver_hashing_hashed_total (\S+)`)

// hashed is how many passwords were hashed.
func (s *server) hashed(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.metrics, http.NoBody)
	if err != nil {
		return "", err
	}
	doc, err := s.text(ctx, func(context.Context) *http.Request { return r }, http.StatusOK)
	if found := hashedCount.FindStringSubmatch(doc); found != nil {
		return found[1], err
	}
	return "unknown", err
}

// rss is the largest resident set of the server, where the system tells.
func (s *server) rss() string {
	doc, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(doc)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// send sends wrong passwords to a URL until its time is over, half of them for
// one account.
func send(ctx context.Context, url string, p plan) error {
	ctx, cancel := context.WithTimeout(ctx, p.each)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: p.workers}}
	var workers sync.WaitGroup
	for range p.workers {
		workers.Go(func() {
			for ctx.Err() == nil {
				name := "ann"
				if rand.IntN(2) == 0 {
					name = fmt.Sprint("nobody", rand.IntN(1000))
				}
				from := rand.IntN(p.addresses)
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"email":"`+name+`@example.com","password":"wrong password"}`))
				if err != nil {
					return
				}
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.%d.%d.1", 18+from/250, from%250))
				r.Header.Set("Content-Type", "application/json")
				if response, err := client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	workers.Wait()
	return nil
}
