package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/examples/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sources are the auth servers that every decision is tried with.
var sources = map[string]func(*testing.T) source{"authtest": fake, "authserver": real}

// backend is zitare at work.
type backend struct {
	*httptest.Server
	auth *client.Client
}

// start serves zitare over a socket, as main does.
func start(t *testing.T, s source, edit func(*client.Config)) backend {
	t.Helper()
	config := client.Config{
		Issuers: []client.Issuer{{URL: s.url}},
		Logger:  slog.New(slog.DiscardHandler),
	}
	edit(&config)
	auth, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = serve.NewServer(newHandler(auth))
	server.Start()
	t.Cleanup(func() {
		server.Close()
		auth.Close()
	})
	return backend{server, auth}
}

func local(config *client.Config)  { config.Mode = client.ModeLocal }
func remote(config *client.Config) { config.Mode = client.ModeRemote }
func fallback(config *client.Config) {
	config.Mode = client.ModeRemote
	config.FallbackLocal = true
}

// answer is what a caller sees, without what differs from call to call.
type answer struct {
	Status                int
	Challenge, RetryAfter string
	Body                  string
}

var timestamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

func call(t *testing.T, server backend, method, path, body string, authorization ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Authorization"] = authorization
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{
		Status:     response.StatusCode,
		Challenge:  response.Header.Get("WWW-Authenticate"),
		RetryAfter: response.Header.Get("Retry-After"),
		Body:       timestamps.ReplaceAllString(string(text), "NOW"),
	}
}

func envelopeText(status int, code, message, path string) string {
	return fmt.Sprintf(`{"statusCode":%d,"message":%q,"error":%q,"code":%q,"timestamp":"NOW","path":%q}`, status, message, code, code, path)
}

const mePath = "/api/v1/me"

func denied(status int, code, message, challenge string) answer {
	return answer{Status: status, Challenge: challenge, Body: envelopeText(status, code, message, mePath)}
}

// sentTwice is the answer to more than one token, or to what may be more.
func sentTwice(reason string) answer {
	return denied(400, "INVALID_REQUEST", "Exactly one bearer token is accepted: "+reason,
		`Bearer error="invalid_request", error_description="exactly one bearer token is accepted: `+reason+`"`)
}

func admitted(user client.User) answer {
	return answer{Status: 200, Body: fmt.Sprintf(`{"userId":%q,"email":%q,"role":%q,"sessionId":%q}`, user.ID, user.Email, user.Role, user.SessionID)}
}

var (
	noToken      = denied(401, "UNAUTHORIZED", "No token provided", "Bearer")
	invalidToken = denied(401, "INVALID_TOKEN", "Invalid token", `Bearer error="invalid_token", error_description="the token is not valid"`)
	expiredToken = denied(401, "TOKEN_EXPIRED", "Invalid token", `Bearer error="invalid_token", error_description="the token expired"`)
	twoHeaders   = sentTwice("there are several Authorization headers")
	twoWords     = sentTwice("the Authorization header has more than one word after Bearer")
	noVerdict    = answer{Status: 503, RetryAfter: "2", Body: envelopeText(503, "SERVICE_UNAVAILABLE", "Request failed: authentication is unavailable, retry later", mePath)}
)

// TestDecisions holds both modes to one table, so that they cannot differ.
func TestDecisions(t *testing.T) {
	t.Parallel()
	for name, open := range sources {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			odd := s.odd()
			for name, mode := range map[string]func(*client.Config){"local": local, "remote": remote, "remote with fallback": fallback} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					testDecisions(t, s, odd, start(t, s, mode))
				})
			}
		})
	}
}

func testDecisions(t *testing.T, s source, odd odd, server backend) {
	for _, c := range []struct {
		name          string
		authorization []string
		want          answer
	}{
		{"G125 no token", nil, noToken},
		{"valid", []string{"Bearer " + s.valid}, admitted(s.user)},
		{"valid, a second time", []string{"Bearer " + s.valid}, admitted(s.user)},
		{"G126 bearer in lower case", []string{"bearer " + s.valid}, admitted(s.user)},
		{"G135 expired", []string{"Bearer " + odd.expired}, expiredToken},
		{"A20 tampered signature", []string{"Bearer " + tamperedSignature(t, s.valid)}, invalidToken},
		{"A21 tampered payload", []string{"Bearer " + tamperedPayload(t, s.valid)}, invalidToken},
		{"A25 expired and tampered", []string{"Bearer " + tamperedPayload(t, odd.expired)}, answer{Status: 401}},
		{"A1 alg none", []string{"Bearer " + algNone(s.valid)}, invalidToken},
		{"A9 HS256 keyed with the public key", []string{"Bearer " + hs256(t, s.valid, s.key)}, invalidToken},
		{"D93 wrong issuer", []string{"Bearer " + odd.wrongIssuer}, invalidToken},
		{"D90 wrong audience", []string{"Bearer " + odd.wrongAudience}, invalidToken},
		{"B36 unknown kid", []string{"Bearer " + odd.unknownKid}, invalidToken},
		{"F116 9 KB", []string{"Bearer " + odd.large}, invalidToken},
		{"G129 two headers", []string{"Bearer " + s.valid, "Bearer " + s.valid}, twoHeaders},
		{"G129 two headers, one good", []string{"Bearer x", "Bearer " + s.valid}, twoHeaders},
		{"G128 two words", []string{"Bearer " + s.valid + " x"}, twoWords},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := call(t, server, "GET", mePath, "", c.authorization...)
			if c.want.Body == "" { // which of its faults is named is the mode's business
				got = answer{Status: got.Status}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestGiantToken sends a token of 10 MB. It never reaches the guard: net/http
// stops reading at MaxHeaderBytes, 1 MiB, and answers 431 by itself.
func TestGiantToken(t *testing.T) {
	t.Parallel()
	s := fake(t)
	for name, mode := range map[string]func(*client.Config){"local": local, "remote": remote} {
		t.Run("F116 10 MB, "+name, func(t *testing.T) {
			t.Parallel()
			server := start(t, s, mode)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				// The server hangs up before it has read everything.
				_, _ = io.WriteString(conn, "GET "+mePath+" HTTP/1.1\r\nHost: zitare\r\nAuthorization: Bearer "+strings.Repeat("x", 10<<20)+"\r\n\r\n")
			}()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			conn.Close()
			<-sent
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d, want 431", response.StatusCode)
			}
			if got := call(t, server, "GET", mePath, "", "Bearer "+s.valid); got.Status != 200 {
				t.Errorf("the next request got %d", got.Status)
			}
		})
	}
}

// TestAuthServerGone stops the auth server after the backend has worked once.
func TestAuthServerGone(t *testing.T) {
	t.Parallel()
	for name, open := range sources {
		for _, c := range []struct {
			name            string
			mode            func(*client.Config)
			valid, tampered func(source) answer
		}{
			{"local goes on", local, func(s source) answer { return admitted(s.user) }, func(source) answer { return invalidToken }},
			{"H148 remote has no verdict", remote, func(source) answer { return noVerdict }, func(source) answer { return noVerdict }},
			{"remote falls back", fallback, func(s source) answer { return admitted(s.user) }, func(source) answer { return invalidToken }},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				server := start(t, s, c.mode)
				if err := server.auth.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(admitted(s.user), call(t, server, "GET", mePath, "", "Bearer "+s.valid)); diff != "" {
					t.Fatalf("before (-want +got):\n%s", diff)
				}
				s.stop()
				for range 8 { // beyond what opens the circuit breaker
					if diff := cmp.Diff(c.valid(s), call(t, server, "GET", mePath, "", "Bearer "+s.valid)); diff != "" {
						t.Fatalf("valid token (-want +got):\n%s", diff)
					}
				}
				if diff := cmp.Diff(c.tampered(s), call(t, server, "GET", mePath, "", "Bearer "+tamperedSignature(t, s.valid))); diff != "" {
					t.Errorf("tampered token (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(noToken, call(t, server, "GET", mePath, "")); diff != "" {
					t.Errorf("no token (-want +got):\n%s", diff)
				}
				if got := call(t, server, "GET", "/health", ""); got.Status != 200 {
					t.Errorf("health answers %d", got.Status)
				}
			})
		}
	}
}

// TestLogout: in local mode, without a call for each request, a session that
// ended is refused as soon as the auth server has told of it.
func TestLogout(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, authtest.WithRevocations())
	auth := real(t)
	for name, c := range map[string]struct {
		url, token string
		logout     func()
	}{
		"authtest":   {issuer.URL(), issuer.Token(), func() { issuer.Revoke(authtest.DefaultSessionID) }},
		"authserver": {auth.url, auth.valid, func() { post(t, auth.url, "logout", map[string]any{"refreshToken": auth.refresh}) }},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, source{url: c.url}, local)
			answer := func() int { return call(t, server, "GET", mePath, "", "Bearer "+c.token).Status }
			if status := answer(); status != http.StatusOK {
				t.Fatalf("before the logout: status %d", status)
			}
			c.logout()
			for status := answer(); status != http.StatusUnauthorized; status = answer() {
				if status != http.StatusOK || t.Context().Err() != nil {
					t.Fatalf("after the logout: status %d, %v", status, t.Context().Err())
				}
			}
		})
	}
}
