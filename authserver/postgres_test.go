package authserver

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

var testKEK = bytes.Repeat([]byte{7}, 32)

// on lets a harness's server use the PostgreSQL database at url.
func on(url string) func(*Config) {
	return func(c *Config) { c.DatabaseURL, c.KeyEncryptionKey = url, testKEK }
}

// databases are a new one and one of the existing service.
var databases = map[string]func(t *testing.T) string{
	"empty":    func(t *testing.T) string { return pgtest.New(t) },
	"existing": func(t *testing.T) string { return pgtest.Existing(t) },
}

// TestPostgreSQL plays the story of a session on PostgreSQL, each request on
// the other one of two servers.
func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database(t)
			a, b := serverFor(t, on(url)), serverFor(t, on(url))
			advance := func(d time.Duration) { a.clock.advance(d); b.clock.advance(d) }
			if jwks := decode[wire.JWKS](t, keySet(a), http.StatusOK); len(jwks.Keys) != 1 || jwks.Keys[0].Alg != "EdDSA" {
				t.Errorf("keys %+v", jwks)
			}
			if one, other := keySet(a).body, keySet(b).body; one != other {
				t.Errorf("two key sets: %s and %s", one, other)
			}
			user := a.register("ann")
			b.refused(b.post(wire.RegisterPath, object{"email": "ANN@example.com", "password": goodPassword, "name": "Ann"}),
				wire.EmailAlreadyExists, wire.RegisterPath, "User with this email already exists")
			first, other := b.login("ann"), a.login("ann")
			a.valid(first.AccessToken, "")

			second := a.refreshed(first.RefreshToken)
			advance(30 * time.Second)
			if again := b.refreshed(first.RefreshToken); again.RefreshToken != second.RefreshToken {
				t.Error("another successor within the grace")
			}
			third := b.refreshed(second.RefreshToken)
			a.valid(third.AccessToken, "")

			b.refused(b.refresh(first.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
			a.refused(a.refresh(third.RefreshToken), wire.InvalidToken, wire.RefreshPath, "Invalid refresh token")
			advance(pollInterval)
			a.valid(third.AccessToken, ended)
			b.valid(other.AccessToken, "")

			decode[wire.SuccessResponse](t, a.post(wire.LogoutPath, object{"refreshToken": other.RefreshToken}), http.StatusOK)
			advance(pollInterval)
			b.valid(other.AccessToken, ended)
			want := []string{store.EventLogout, store.EventRefreshReuse, store.EventLogin, store.EventLogin, store.EventRegister}
			if diff := cmp.Diff(want, a.events(user.ID)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if ready := b.do("GET", "/health/ready", ""); ready.status != http.StatusOK {
				t.Errorf("ready: %d", ready.status)
			}
		})
	}
}

func keySet(h *harness) answer { return h.do("GET", wire.JWKSPath, "") }

// TestPostgreSQLKeepsNoSecret looks for a story's secrets in all rows.
func TestPostgreSQLKeepsNoSecret(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t)
	h := serverFor(t, on(url))
	registered := h.register("ann").Token
	first := h.login("ann")
	second := h.refreshed(first.RefreshToken)
	seed := privateSeed(t, h, testKEK)

	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	var content strings.Builder
	for _, table := range []string{"users", "accounts", "sessions", "refresh_tokens", "signing_keys", "security_events"} {
		var rows string
		if err := connection.QueryRow(t.Context(), `SELECT string_agg(x::text, E'\n') FROM auth.`+table+` x`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		content.WriteString(rows)
	}
	secrets := []string{goodPassword, registered, first.RefreshToken, second.RefreshToken, second.AccessToken,
		base64.RawURLEncoding.EncodeToString(seed), string(seed)}
	if i := slices.IndexFunc(secrets, func(secret string) bool { return strings.Contains(content.String(), secret) }); i >= 0 {
		t.Errorf("secret %d is in the database", i)
	}
	if !strings.Contains(content.String(), "ann@example.com") {
		t.Error("the search finds nothing at all")
	}
}
