package devbypass

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/nethttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// real knows one token. It is a pointer, so that New's answer can be compared
// with it.
type real struct{}

func (*real) Verify(_ context.Context, token string) (client.User, error) {
	switch token {
	case "good":
		return client.User{ID: "ada"}, nil
	case "":
		return client.User{}, client.ErrNoToken
	case "down":
		return client.User{}, client.ErrUnavailable
	default:
		return client.User{}, client.ErrSignature
	}
}

var discard = slog.New(slog.DiscardHandler)

// G143: of all combinations of values, near misses included, one is bypassed.
// Every DEV_BYPASS_AUTH of exactly "true" beside another NODE_ENV is refused,
// everything else is off.
func TestTable(t *testing.T) {
	t.Parallel()
	environments := []string{"", "development", "production", "test", "staging", "dev", "Development", "DEVELOPMENT", "development ", " development", "development\n", "develop", "developments", "true"}
	switches := []string{"", "true", "false", "TRUE", "True", "true ", " true", "true\n", "\ttrue", "1", "yes", "on", "t", "tru", "truee", "0", "development", "ｔrue"}
	var bypassed int
	for _, environment := range environments {
		for _, value := range switches {
			auth := new(real)
			config := Config{NodeEnv: environment, DevBypassAuth: value, Logger: discard}
			got, err := New(auth, config)
			if on, onErr := config.On(); on != (err == nil && got != client.Verifier(auth)) || (onErr == nil) != (err == nil) {
				t.Errorf("NODE_ENV=%q DEV_BYPASS_AUTH=%q: On says %v, %v", environment, value, on, onErr)
			}
			name := fmt.Sprintf("NODE_ENV=%q DEV_BYPASS_AUTH=%q", environment, value)
			switch {
			case value == "true" && !compiledIn:
				if got != nil || !errors.Is(err, ErrCompiledOut) {
					t.Errorf("%s: %v, %v; want ErrCompiledOut", name, got, err)
				}
			case value == "true" && environment != "development":
				if got != nil || !errors.Is(err, ErrNotDevelopment) {
					t.Errorf("%s: %v, %v; want ErrNotDevelopment", name, got, err)
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case got != client.Verifier(auth):
				bypassed++
			}
		}
	}
	want := 1
	if !compiledIn {
		want = 0
	}
	if bypassed != want {
		t.Errorf("%d combinations are bypassed; want %d", bypassed, want)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, err := range []error{ErrNotDevelopment, ErrCompiledOut} {
		if !strings.Contains(err.Error(), "DEV_BYPASS_AUTH") || !strings.Contains(err.Error(), "unset") {
			t.Errorf("%v", err)
		}
	}
	for _, auth := range []client.Verifier{nil, (*client.Client)(nil)} {
		if got, err := New(auth, Config{}); got != nil || err == nil || !strings.Contains(err.Error(), "nil") {
			t.Errorf("S36 New(%T) = %v, %v; want an error", auth, got, err)
		}
	}
	if _, err := New(new(real), Config{NodeEnv: "Development", DevBypassAuth: "true"}); compiledIn && !strings.Contains(err.Error(), `NODE_ENV is "Development"`) {
		t.Errorf("%v; want what NODE_ENV holds", err)
	}
}

// logging is a Verifier with a logger, as a *client.Client.
type logging struct {
	real
	log *slog.Logger
}

func (l *logging) Logger() *slog.Logger { return l.log }

// S33: without a Logger the bypass logs where its Verifier does, and the guard
// around it as well.
func TestS33LoggerOfTheVerifier(t *testing.T) {
	t.Parallel()
	if !compiledIn {
		t.Skip("compiled out")
	}
	var log bytes.Buffer
	auth, err := New(&logging{log: slog.New(slog.NewTextHandler(&log, nil))}, Config{NodeEnv: "development", DevBypassAuth: "true"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer down")
	nethttp.Guard(auth)(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "BYPASSED") || !strings.Contains(text, "no verdict") {
		t.Errorf("the Verifier's logger got %q; want the warnings of the bypass and of the guard", text)
	}
}

// S26: DEV_BYPASS_AUTH without this package is said by the guard, and not where
// the bypass is on.
func TestS26GuardSaysThatTheBypassIsMissing(t *testing.T) {
	t.Setenv("DEV_BYPASS_AUTH", "true")
	t.Setenv("NODE_ENV", "development")
	warned := func(auth client.Verifier) string {
		var log bytes.Buffer
		middleware.New(auth, middleware.Logger(slog.New(slog.NewTextHandler(&log, nil))))
		return log.String()
	}
	if got := warned(new(real)); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "DEV_BYPASS_AUTH=true") || !strings.Contains(got, "devbypass") {
		t.Errorf("the guard logged %q; want a warning with the variable, its value and the package", got)
	}
	if got := warned(on(t, Config{})); got != "" {
		t.Errorf("the guard logged %q though the bypass is on", got)
	}
	for _, value := range []string{"", "false"} {
		t.Setenv("DEV_BYPASS_AUTH", value)
		if got := warned(new(real)); got != "" {
			t.Errorf("DEV_BYPASS_AUTH=%q: the guard logged %q", value, got)
		}
	}
}

func on(t *testing.T, config Config) client.Verifier {
	t.Helper()
	if !compiledIn {
		t.Skip("compiled out")
	}
	config.NodeEnv, config.DevBypassAuth = "development", "true"
	if config.Logger == nil {
		config.Logger = discard
	}
	auth, err := New(new(real), config)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

func TestUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config Config
		want   client.User
	}{
		{"defaults", Config{}, client.User{ID: "00000000-0000-0000-0000-000000000000", Email: "dev@example.com", Role: "user", SessionID: "dev-session", Bypass: true}},
		{"own", Config{UserID: "u1", Email: "me@example.com", Role: "admin", Tier: "alpha"}, client.User{ID: "u1", Email: "me@example.com", Role: "admin", Tier: "alpha", SessionID: "dev-session", Bypass: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := on(t, tt.config).Verify(t.Context(), "")
			if got != tt.want || err != nil {
				t.Errorf("Verify = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestTokenWins(t *testing.T) {
	t.Parallel()
	auth := on(t, Config{})
	if user, err := auth.Verify(t.Context(), "good"); user.ID != "ada" || user.Bypass || err != nil {
		t.Errorf("good token: %+v, %v; want ada", user, err)
	}
	for token, want := range map[string]error{"bad": client.ErrSignature, "down": client.ErrUnavailable, " ": client.ErrSignature} {
		if user, err := auth.Verify(t.Context(), token); !errors.Is(err, want) || user != (client.User{}) {
			t.Errorf("token %q: %+v, %v; want %v", token, user, err, want)
		}
	}
	if got := Count(auth); got != 0 {
		t.Errorf("Count = %d; want 0", got)
	}
	for range 3 {
		_, _ = auth.Verify(t.Context(), "")
	}
	if got := Count(auth); got != 3 {
		t.Errorf("Count = %d; want 3", got)
	}
	if got := Count(new(real)); got != 0 {
		t.Errorf("Count of another Verifier = %d; want 0", got)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		config Config
		want   string // empty: nothing is logged
	}{
		{Config{}, ""},
		{Config{NodeEnv: "development"}, ""},
		{Config{DevBypassAuth: "false"}, ""},
		{Config{NodeEnv: "development", DevBypassAuth: "TRUE"}, "the bypass is off"},
		{Config{DevBypassAuth: "1"}, "the bypass is off"},
		{Config{DevBypassAuth: "true\n"}, `DEV_BYPASS_AUTH="true\n"`},
		{Config{NodeEnv: "development", DevBypassAuth: "true"}, "AUTHENTICATION IS BYPASSED"},
	}
	for _, tt := range tests {
		if tt.config == (Config{NodeEnv: "development", DevBypassAuth: "true"}) && !compiledIn {
			continue
		}
		var log bytes.Buffer
		tt.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := New(new(real), tt.config); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) || got != "" && !strings.Contains(got, "level=WARN") {
			t.Errorf("%+v: logged %q; want a warning with %q", tt.config, got, tt.want)
		}
	}
}

// The variables count at construction and never again.
func TestFromEnv(t *testing.T) {
	set := func(environment, value string) {
		t.Setenv("NODE_ENV", environment)
		t.Setenv("DEV_BYPASS_AUTH", value)
	}
	auth := new(real)
	set("production", "false")
	off, err := FromEnv(auth)
	if err != nil || off != client.Verifier(auth) {
		t.Fatalf("FromEnv = %v, %v; want auth itself", off, err)
	}
	set("development", "true")
	if _, err := off.Verify(t.Context(), ""); !errors.Is(err, client.ErrNoToken) {
		t.Errorf("a later change of the environment switched the bypass on: %v", err)
	}
	if !compiledIn {
		return
	}
	t.Setenv("DEV_USER_ID", "u1")
	t.Setenv("DEV_USER_EMAIL", "me@example.com")
	t.Setenv("DEV_USER_ROLE", "admin")
	t.Setenv("DEV_USER_TIER", "beta\n")
	bypassing, err := FromEnv(auth)
	if err != nil {
		t.Fatal(err)
	}
	set("production", "true")
	t.Setenv("DEV_USER_ID", "u2")
	want := client.User{ID: "u1", Email: "me@example.com", Role: "admin", Tier: "beta", SessionID: "dev-session", Bypass: true}
	if user, err := bypassing.Verify(t.Context(), ""); user != want || err != nil {
		t.Errorf("Verify = %+v, %v; want %+v", user, err, want)
	}
	if _, err := FromEnv(auth); !errors.Is(err, ErrNotDevelopment) {
		t.Errorf("in production: %v; want ErrNotDevelopment", err)
	}
}

// S26: who the developer is is read by the rule of every other variable, where
// the bypass is on. The two that switch it on count as they are.
func TestS26VariablesOfTheUser(t *testing.T) {
	for _, c := range []struct {
		name, id, role, nodeEnv string
		want                    client.User
		says                    []string // of the error; nil: none
	}{
		{"S26 white space", " u1\n", "\tadmin ", "development", client.User{ID: "u1", Role: "admin"}, nil},
		{"S26 white space alone", " ", "\n", "development", client.User{ID: "00000000-0000-0000-0000-000000000000", Role: "user"}, nil},
		{"S26 quotes", `"u1"`, "'admin'", "development", client.User{}, []string{"DEV_USER_ID", `\"u1\"`, "DEV_USER_ROLE", "'admin'", "quotes"}},
		{"S26 quotes where it has no effect", `"u1"`, "", "", client.User{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("NODE_ENV", c.nodeEnv)
			t.Setenv("DEV_BYPASS_AUTH", map[bool]string{true: "true", false: ""}[c.nodeEnv != ""])
			t.Setenv("DEV_USER_ID", c.id)
			t.Setenv("DEV_USER_EMAIL", "")
			t.Setenv("DEV_USER_ROLE", c.role)
			if c.nodeEnv != "" && !compiledIn {
				t.Skip("compiled out")
			}
			auth, err := FromEnv(new(real))
			if (err != nil) != (c.says != nil) || (auth == nil) != (err != nil) {
				t.Fatalf("%v, %v", auth, err)
			}
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
			if err != nil {
				return
			}
			if user, _ := auth.Verify(t.Context(), ""); user.ID != c.want.ID || user.Role != c.want.Role {
				t.Errorf("%+v, want %+v", user, c.want)
			}
		})
	}
}

// G143: what a request can ask for, with the bypass off and on, through a guard.
func TestRequests(t *testing.T) {
	t.Parallel()
	tricks := map[string]func(*http.Request){
		"nothing": func(*http.Request) {},
		"header":  func(r *http.Request) { r.Header.Set("X-Auth-Bypass", "dev") },
		"variable": func(r *http.Request) {
			r.Header.Set("DEV_BYPASS_AUTH", "true")
			r.Header.Set("NODE_ENV", "development")
		},
		"cookie":          func(r *http.Request) { r.Header.Set("Cookie", "DEV_BYPASS_AUTH=true; NODE_ENV=development") },
		"query":           func(r *http.Request) { r.URL.RawQuery = "DEV_BYPASS_AUTH=true&NODE_ENV=development" },
		"loopback":        func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" },
		"forwarded for":   func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
		"local host name": func(r *http.Request) { r.Host = "localhost" },
	}
	off, err := New(new(real), Config{NodeEnv: "development", DevBypassAuth: "1", Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	for name, trick := range tricks {
		r := httptest.NewRequest("GET", "/", nil)
		trick(r)
		if w := serve(off, r); w.Code != http.StatusUnauthorized || w.Header().Get("X-Auth-Bypass") != "" {
			t.Errorf("%s: status %d, %v; want 401", name, w.Code, w.Header())
		}
	}
	bypassing := on(t, Config{})
	for authorization, want := range map[string]string{
		"": "200 dev", "Bearer good": "200 ", "Bearer bad": "401 ", "Bearer": "401 ", "Bearer,good": "401 ", "Basic YTpi": "401 ", "Bearer a b": "400 ", "Bearer down": "503 ",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", authorization)
		w := serve(bypassing, r, middleware.Optional())
		if got := fmt.Sprint(w.Code, " ", w.Header().Get("X-Auth-Bypass")); got != want {
			t.Errorf("bypass on, %q: %q; want %q", authorization, got, want)
		}
	}
}

func serve(auth client.Verifier, r *http.Request, opts ...middleware.Option) *httptest.ResponseRecorder {
	quiet := middleware.OnDenial(func(*http.Request, *middleware.Denial) {})
	w := httptest.NewRecorder()
	nethttp.Guard(auth, append(opts, quiet)...)(nethttp.UserFunc(
		func(http.ResponseWriter, *http.Request, client.User) {})).ServeHTTP(w, r)
	return w
}
