package authserver

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) {
	if description := os.Getenv(victimVariable); description != "" {
		os.Exit(runVictim(description))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) { os.Exit(pgtest.Stop(status)) }))
}

// begin is the instant at which every harness begins.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// logBuffer collects a log.
type logBuffer struct {
	lock    sync.Mutex
	content bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.content.Write(p)
}

func (b *logBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.content.String()
}

// harness is a server on a socket with a fake clock, over a database file unless
// its configuration says otherwise.
type harness struct {
	*testing.T
	server *Server
	url    string
	client *http.Client
	clock  *clocktest.Clock
	log    *logBuffer
	path   string
}

// serverFor starts a server without rate limits, as change says.
func serverFor(t *testing.T, change ...func(*Config)) *harness {
	t.Helper()
	return serverOver(t, func(db store.Store) store.Store { return db }, change...)
}

// serverOver is serverFor over a database that wrap has put something around.
func serverOver(t *testing.T, wrap func(store.Store) store.Store, change ...func(*Config)) *harness {
	t.Helper()
	h := &harness{T: t, clock: clocktest.New(begin), log: &logBuffer{}, path: filepath.Join(t.TempDir(), "test.db")}
	config := Config{
		Database: Database{SQLitePath: h.path},
		HTTP:     HTTP{RateLimitsDisabled: true},
		Clock:    h.clock,
		Logger:   slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&config)
	}
	cfg, db, err := openConfigured(t.Context(), config)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	server, err := newServer(t.Context(), cfg, wrap(db))
	if err != nil {
		_ = db.Close()
		t.Fatalf("Open: %v", err)
	}
	front := httptest.NewServer(server.Handler())
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		front.Close()
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	h.server, h.url = server, front.URL
	h.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. Headers come in pairs of name and value; a name given
// twice is sent twice.
func (h *harness) do(method, path, body string, headers ...string) answer {
	h.Helper()
	a, err := h.try(method, path, body, headers...)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// try is do for other goroutines than the test's.
func (h *harness) try(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(h.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := h.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content)}, err
}

// post sends body, a string of JSON or a value to encode, to a route.
func (h *harness) post(path string, body any, headers ...string) answer {
	h.Helper()
	return h.send("POST", path, body, headers...)
}

// send is post with another method.
func (h *harness) send(method, path string, body any, headers ...string) answer {
	h.Helper()
	text, ok := body.(string)
	if !ok {
		doc, err := json.Marshal(body, json.Deterministic(true))
		if err != nil {
			h.Fatal(err)
		}
		text = string(doc)
	}
	return h.do(method, path, text, append(headers, "Content-Type", "application/json")...)
}

type object = map[string]any

// decode reads an answer of the status into a T, strictly.
func decode[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var v T
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if err := json.Unmarshal([]byte(a.body), &v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

// refused checks that an answer is the envelope of code and message: a
// string, or a []string.
func (h *harness) refused(a answer, code wire.Code, path string, message any) {
	h.Helper()
	got := decode[wire.Envelope](h.T, a, code.Status())
	if list, ok := message.([]string); ok {
		items := make([]any, len(list))
		for i, item := range list {
			items[i] = item
		}
		message = items
	}
	want := wire.NewEnvelope(code, message, path, h.clock.Now())
	want.RetryAfter, _ = strconv.Atoi(a.header.Get("Retry-After")) // 0 where there is none
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("envelope (-want +got):\n%s", diff)
	}
}

const goodPassword = "correct horse battery"

// register makes the user name and returns the answer.
func (h *harness) register(name string) wire.RegisterResponse {
	h.Helper()
	a := h.post(wire.RegisterPath, object{"email": name + "@example.com", "password": goodPassword, "name": "Name of " + name})
	return decode[wire.RegisterResponse](h.T, a, http.StatusCreated)
}

// login logs the user name in.
func (h *harness) login(name string) wire.TokenResponse {
	h.Helper()
	a := h.post(wire.LoginPath, object{"email": name + "@example.com", "password": goodPassword})
	return decode[wire.TokenResponse](h.T, a, http.StatusOK)
}

func (h *harness) refresh(token string) answer {
	h.Helper()
	return h.post(wire.RefreshPath, object{"refreshToken": token})
}

func (h *harness) refreshed(token string) wire.TokenResponse {
	h.Helper()
	return decode[wire.TokenResponse](h.T, h.refresh(token), http.StatusOK)
}

func (h *harness) verdict(token string) wire.ValidateResponse {
	h.Helper()
	return decode[wire.ValidateResponse](h.T, h.post(wire.ValidatePath, object{"token": token}), http.StatusOK)
}

// valid checks what /validate says of an access token: nothing for a good
// one.
func (h *harness) valid(token, want string) {
	h.Helper()
	if v := h.verdict(token); v.Error != want || v.Valid != (want == "") {
		h.Errorf("/validate says %v %q, want %q", v.Valid, v.Error, want)
	}
}

const ended = wire.ValidateInvalidPrefix + "session has ended"

// exec changes the database behind the server's back.
func (h *harness) exec(query string, args ...any) {
	h.Helper()
	db := h.database()
	if _, err := db.ExecContext(h.Context(), query, args...); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) database() *sql.DB {
	h.Helper()
	db, err := sql.Open("sqlite", "file:"+h.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = db.Close() })
	return db
}

// rows counts what is stored, by table.
func (h *harness) rows() map[string]int {
	h.Helper()
	db := h.database()
	counts := map[string]int{}
	for _, table := range []string{"users", "accounts", "sessions", "refresh_tokens", "jwks", "security_events",
		"credit_accounts", "credit_transactions", "credit_reservations", "credit_usage"} {
		var n int
		if err := db.QueryRowContext(h.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			h.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

// unchanged checks that f stores nothing.
func (h *harness) unchanged(f func()) {
	h.Helper()
	before := h.rows()
	f()
	if diff := cmp.Diff(before, h.rows()); diff != "" {
		h.Errorf("rows (-before +after):\n%s", diff)
	}
}

// events lists the types of a user's security events, newest first.
func (h *harness) events(userID string) []string {
	h.Helper()
	list, err := h.server.store.SecurityEvents(context.WithoutCancel(h.Context()), userID, 100)
	if err != nil {
		h.Fatal(err)
	}
	var types []string
	for _, event := range list {
		types = append(types, event.Type)
	}
	return types
}
