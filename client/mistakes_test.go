package client_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// What a newcomer gets wrong ends in a message that names the variable or the
// field, what it holds and what it should.
func TestMistakesNameWhatToSet(t *testing.T) {
	issuer := authtest.NewIssuer(t)
	url := issuer.URL()
	fromEnv := func(t *testing.T, log *slog.Logger) any { return fromEnv(t, log, issuer.Token()) }
	for _, tc := range []struct {
		name string
		env  map[string]string
		// make returns the message: an error, or what was logged.
		make func(t *testing.T, log *slog.Logger) any
		says []string
	}{
		{"S6 the prefix in the URL", map[string]string{"MANA_AUTH_URL": url + "/api/v1"}, fromEnv, []string{"MANA_AUTH_URL", url + "/api/v1", "before the /api/v1"}},
		{"S13 plain http", map[string]string{"MANA_AUTH_URL": "http://mana-core-auth:3001"}, fromEnv, []string{"MANA_AUTH_URL", "mana-core-auth", "MANA_AUTH_PLAINTEXT_HOSTS=mana-core-auth"}},
		{"S13 no URL in production", map[string]string{"NODE_ENV": "production"}, fromEnv, []string{"MANA_AUTH_URL", "NODE_ENV", "production"}},
		{"S21 another path", map[string]string{"MANA_AUTH_URL": url + "/nope", "MANA_AUTH_MODE": "remote"}, fromEnv, []string{"MANA_AUTH_URL", url + "/nope", "status 404"}},
		{"S22 https on a plain port", map[string]string{"MANA_AUTH_URL": strings.Replace(url, "http:", "https:", 1), "MANA_AUTH_MODE": "remote"}, fromEnv, []string{"MANA_AUTH_URL", "https://", "is https a mistake"}},
		{"S25 a snapshot for all", nil, openSnapshot, []string{"snapshot", "mode 0600"}},
		{"S26 quotes", map[string]string{"JWT_ISSUER": `"manacore"`}, fromEnv, []string{"JWT_ISSUER", "manacore", "in quotes", "remove them"}},
		{"S26 the mode", map[string]string{"MANA_AUTH_MODE": "remot"}, fromEnv, []string{"MANA_AUTH_MODE", "remot", "local", "remote"}},
		{"S26 the fallback", map[string]string{"MANA_AUTH_FALLBACK": "true"}, fromEnv, []string{"MANA_AUTH_FALLBACK", "true", "off", "local"}},
		{"S26 the fallback in local mode", map[string]string{"MANA_AUTH_FALLBACK": "local"}, fromEnv, []string{"MANA_AUTH_FALLBACK", "no effect in local mode"}},
		{"S27 iss", map[string]string{"JWT_ISSUER": "https://auth.example"}, fromEnv, []string{"JWT_ISSUER", "iss=manacore", "https://auth.example"}},
		{"S27 aud", map[string]string{"JWT_AUDIENCE": "chat"}, fromEnv, []string{"JWT_AUDIENCE", "aud=[manacore]", "chat"}},
		{"S34 no scheme", nil, noScheme, []string{"one word", "Bearer"}},
		{"S35 no service key", map[string]string{"APP_ID": "chat"}, creditsFromEnv, []string{"MANA_SERVICE_KEY"}},
		{"S36 a client that is nil", nil, nilClient, []string{"*client.Client", "nil", "client.FromEnv"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"MANA_AUTH_URL", "MANA_CORE_AUTH_URL", "MANA_AUTH_MODE", "MANA_AUTH_FALLBACK", "JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL", "NODE_ENV"} {
				t.Setenv(name, "")
			}
			if tc.name != "S13 no URL in production" {
				t.Setenv("MANA_AUTH_URL", url)
			}
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			var text bytes.Buffer
			said := fmt.Sprint(tc.make(t, slog.New(slog.NewTextHandler(&text, nil))))
			for _, part := range tc.says {
				if !strings.Contains(said+text.String(), part) {
					t.Errorf("%q\n%s\ndoes not say %q", said, &text, part)
				}
			}
		})
	}
}

// fromEnv goes as far as a newcomer: a client, whether it is ready, and a token.
func fromEnv(t *testing.T, log *slog.Logger, token string) any {
	t.Helper()
	config, err := client.ConfigFromEnv()
	if err != nil {
		return err
	}
	config.Logger = log
	auth, err := client.New(config)
	if err != nil {
		return err
	}
	defer auth.Close()
	if err := auth.Ready(t.Context()); err != nil {
		return err
	}
	_, err = auth.Verify(t.Context(), token)
	return err
}

func openSnapshot(t *testing.T, log *slog.Logger) any {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	auth, err := client.New(client.Config{Issuers: []client.Issuer{{URL: os.Getenv("MANA_AUTH_URL"), Snapshot: file}}, Logger: log})
	if err != nil {
		return err
	}
	defer auth.Close()
	return auth.Ready(t.Context())
}

func noScheme(t *testing.T, _ *slog.Logger) any {
	t.Helper()
	auth, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "aaa.bbb.ccc")
	w := httptest.NewRecorder()
	nethttp.Guard(auth)(http.NotFoundHandler()).ServeHTTP(w, r)
	return w.Body
}

func creditsFromEnv(t *testing.T, _ *slog.Logger) any {
	t.Helper()
	_, err := credits.FromEnv()
	return err
}

func nilClient(*testing.T, *slog.Logger) (said any) {
	defer func() { said = recover() }()
	var auth *client.Client
	return nethttp.Guard(auth)
}
