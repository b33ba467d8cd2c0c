package authserver

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware/nethttp"
)

// TestRollingSwitch lets servers of both generations run on one database, as
// while one follows the other: no token of either is 401 anywhere.
func TestRollingSwitch(t *testing.T) {
	t.Parallel()
	const base = "https://auth.example.com"
	for name, database := range map[string]func(t *testing.T) func(*Config){
		"SQLite": func(t *testing.T) func(*Config) {
			path := filepath.Join(t.TempDir(), "shared.db")
			return func(c *Config) { c.Database.SQLitePath = path }
		},
		"PostgreSQL": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared := database(t)
			with := func(generation string) *harness {
				return serverFor(t, shared, func(c *Config) {
					c.Clock, c.WireGeneration, c.HTTP.BaseURL = nil, generation, base+"/"
				})
			}
			older, newer := with("2025"), with("2026")
			older.register("ann")
			auth, err := client.New(client.Config{
				Issuers: []client.Issuer{{URL: older.url, Names: []string{"manacore", base}, Audiences: []string{"manacore", "mana"}}},
				Logger:  slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = auth.Close() })
			guarded := nethttp.Guard(auth)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

			tokens := map[string]wire.TokenResponse{"2025": older.login("ann"), "2026": newer.login("ann")}
			for generation, names := range map[string]string{"2025": `"iss":"manacore","aud":"manacore"`, "2026": `"iss":"` + base + `","aud":"mana"`} {
				if claims := claimsText(t, tokens[generation].AccessToken); !strings.Contains(claims, names) {
					t.Errorf("%s signs %s", generation, claims)
				}
			}
			// Each server sees the tokens of both, refreshes those of the other, and so on.
			for round := range 3 {
				for generation, token := range tokens {
					for _, h := range []*harness{older, newer} {
						h.valid(token.AccessToken, "")
						if a := h.do("GET", wire.SessionPath, "", as(token.AccessToken)...); a.status != http.StatusOK {
							t.Errorf("round %d: a token of %s: %d %s", round, generation, a.status, a.body)
						}
					}
					r, w := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), httptest.NewRecorder()
					r.Header.Set("Authorization", "Bearer "+token.AccessToken)
					if guarded.ServeHTTP(w, r); w.Code != http.StatusOK {
						t.Errorf("round %d: the guard answers a token of %s with %d", round, generation, w.Code)
					}
				}
				tokens = map[string]wire.TokenResponse{
					"2025": older.refreshed(tokens["2026"].RefreshToken), "2026": newer.refreshed(tokens["2025"].RefreshToken),
				}
			}
		})
	}
}

// TestGenerationOfErrors: error follows the generation, and code never does.
func TestGenerationOfErrors(t *testing.T) {
	t.Parallel()
	for generation, want := range map[string]map[wire.Code]string{
		"":     {wire.EmailAlreadyExists: "EMAIL_ALREADY_EXISTS", wire.ValidationFailed: "VALIDATION_FAILED", wire.InvalidToken: "INVALID_TOKEN"},
		"2025": {wire.EmailAlreadyExists: "EMAIL_ALREADY_EXISTS", wire.ValidationFailed: "VALIDATION_FAILED", wire.InvalidToken: "INVALID_TOKEN"},
		"2026": {wire.EmailAlreadyExists: "EMAIL_ALREADY_REGISTERED", wire.ValidationFailed: "VALIDATION", wire.InvalidToken: "TOKEN_INVALID"},
	} {
		h := serverFor(t, func(c *Config) { c.WireGeneration = generation })
		h.register("ann")
		for code, a := range map[wire.Code]answer{
			wire.EmailAlreadyExists: h.post(wire.RegisterPath, object{"email": "ann@example.com", "password": goodPassword}),
			wire.ValidationFailed:   h.post(wire.RegisterPath, `{}`),
			wire.InvalidToken:       h.refresh("x"),
		} {
			got := decode[wire.Envelope](t, a, code.Status())
			if got.Code != code || string(got.Error) != want[code] || got.Status != code.Status() {
				t.Errorf("%s: code %s, error %s, status %d; want %s, %s, %d", generation, got.Code, got.Error, got.Status, code, want[code], code.Status())
			}
		}
	}
}

// TestNameIsOptional: who registers without a name has the local part of the
// address as such.
func TestNameIsOptional(t *testing.T) {
	t.Parallel()
	h := serverFor(t)
	for email, body := range map[string]string{
		"ann.lee": `{"email":"Ann.Lee@example.com","password":"correct horse battery"}`,
		"b":       `{"email":"b@example.com","password":"correct horse battery","name":null}`,
	} {
		got := decode[wire.RegisterResponse](t, h.post(wire.RegisterPath, body), http.StatusCreated)
		if got.Name != email || got.User.Name != email {
			t.Errorf("%s: the name is %q and %q", email, got.Name, got.User.Name)
		}
	}
}

// claimsText is the payload of a token.
func claimsText(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	doc, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}
