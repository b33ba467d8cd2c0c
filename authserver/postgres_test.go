package authserver

import (
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/revocation"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

var testKEK = digest("a key-encryption key")

// digest are 32 bytes that look random.
func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// on lets a harness's server use the PostgreSQL database at url.
func on(url string) func(*Config) {
	return func(c *Config) { c.Database.URL, c.Keys.EncryptionKey = url, testKEK }
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
			advance := func(d time.Duration) { a.clock.Advance(d); b.clock.Advance(d) }
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
			advance(revocation.PollInterval)
			a.valid(third.AccessToken, ended)
			b.valid(other.AccessToken, "")

			decode[wire.SuccessResponse](t, a.post(wire.LogoutPath, object{"refreshToken": other.RefreshToken}), http.StatusOK)
			advance(revocation.PollInterval)
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
