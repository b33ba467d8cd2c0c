package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/examples/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves chat over a socket, as main does.
func start(t *testing.T, issuer *authtest.Issuer, dev devbypass.Config) *httptest.Server {
	t.Helper()
	verifier, err := client.New(client.Config{Issuers: []client.Issuer{{URL: issuer.URL()}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := devbypass.New(verifier, dev)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := credits.New(credits.Config{URL: issuer.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey, Timeout: time.Minute, Attempt: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = serve.NewServer(newHandler(auth, ledger))
	server.Start()
	t.Cleanup(func() {
		server.Close()
		verifier.Close()
		ledger.Close()
	})
	return server
}

func get(t *testing.T, server *httptest.Server, path, token string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, strings.TrimSpace(string(body))
}

const (
	mePath       = "/api/v1/me"
	optionalPath = "/api/v1/models"
	adminPath    = "/api/v1/admin/stats"

	stranger = `{"models":["small"]}`
	signedIn = `{"models":["small","large"]}`
	me       = `{"userId":"` + authtest.DefaultSubject + `","email":"user@example.com","role":"user","sessionId":"` + authtest.DefaultSessionID + `"}`
)

// row is a request and what has to come of it.
type row struct {
	name   string
	server *httptest.Server
	path   string
	token  string
	status int
	body   string // somewhere in the answer
}

func (c row) check(t *testing.T) http.Header {
	t.Helper()
	response, body := get(t, c.server, c.path, c.token)
	if response.StatusCode != c.status || !strings.Contains(body, c.body) {
		t.Errorf("%d %s, want %d with %s", response.StatusCode, body, c.status, c.body)
	}
	return response.Header
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	user, admin := issuer.Token(), issuer.Token(authtest.Role("admin"))
	expired, forged := issuer.Token(authtest.Expired()), issuer.Token(authtest.OtherKey())
	server := start(t, issuer, devbypass.Config{})

	down := authtest.NewIssuer(t)
	down.Down()
	outage := start(t, down, devbypass.Config{})

	for _, c := range []row{
		{"health", server, "/health", "", 200, `{"status":"ok"}`},
		{"health with a bad token", server, "/health", expired, 200, `{"status":"ok"}`},
		{"health during an outage", outage, "/health", down.Token(), 200, `{"status":"ok"}`},
		{"G125 me without a token", server, mePath, "", 401, `"UNAUTHORIZED"`},
		{"me", server, mePath, user, 200, me},
		{"G135 me, expired", server, mePath, expired, 401, `"TOKEN_EXPIRED"`},
		{"me, forged", server, mePath, forged, 401, `"INVALID_TOKEN"`},
		{"H148 me during an outage", outage, mePath, down.Token(), 503, `"SERVICE_UNAVAILABLE"`},
		{"optional, nobody", server, optionalPath, "", 200, stranger},
		{"optional, a user", server, optionalPath, user, 200, signedIn},
		{"G139 optional, expired", server, optionalPath, expired, 401, `"TOKEN_EXPIRED"`},
		{"G140 optional during an outage", outage, optionalPath, down.Token(), 503, `"SERVICE_UNAVAILABLE"`},
		{"admin route without a token", server, adminPath, "", 401, `"UNAUTHORIZED"`},
		{"G135 admin route, a user", server, adminPath, user, 403, `"FORBIDDEN"`},
		{"admin route, an admin", server, adminPath, admin, 200, `{"models":2}`},
		{"G144 unknown path without a token", server, "/api/v1/nope", "", 401, `"UNAUTHORIZED"`},
		{"unknown path", server, "/api/v1/nope", user, 404, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}
