package authserver

import (
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestStanding: contract section 7. A verdict says the tier and whether the
// address is verified in each generation, a token in that of 2026 alone. What an
// operator changes is in the verdict within a minute, and in the tokens from the
// next refresh on. No session ends.
func TestStanding(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(t *testing.T) func(*Config){
		"SQLite":     func(*testing.T) func(*Config) { return func(*Config) {} },
		"PostgreSQL": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		for generation, claims := range map[string]string{
			"2025": `}`, "2026": `,"tier":"public","email_verified":false}`,
		} {
			t.Run(name+" "+generation, func(t *testing.T) {
				t.Parallel()
				config := database(t)
				h := serverFor(t, config, func(c *Config) { c.WireGeneration = generation })
				admin := adminOf(h, config)
				h.register("ann")
				tokens := h.login("ann")
				if text := claimsText(t, tokens.AccessToken); !strings.HasSuffix(text, `"`+claims) {
					t.Errorf("claims %s, want %s at their end", text, claims)
				}
				says := func(tier string) {
					t.Helper()
					p := h.verdict(tokens.AccessToken).Payload
					if p == nil || p.Tier != tier || p.EmailVerified == nil || *p.EmailVerified {
						t.Errorf("payload %+v, want the tier %s and an address that is not verified", p, tier)
					}
				}
				says("public")
				if u, err := admin.SetTier(t.Context(), "ann@example.com", "beta"); err != nil || u.Tier != "beta" {
					t.Fatalf("%+v, %v", u, err)
				}
				h.clock.Advance(time.Minute + time.Millisecond)
				says("beta")
				tokens = h.refreshed(tokens.RefreshToken)
				says("beta")
				if text := claimsText(t, tokens.AccessToken); !strings.HasSuffix(text, `"`+strings.Replace(claims, "public", "beta", 1)) {
					t.Errorf("claims after the refresh: %s", text)
				}
				for mode, want := range map[client.Mode]map[string]string{
					client.ModeRemote: {"2025": "beta", "2026": "beta"},
					client.ModeLocal:  {"2025": "", "2026": "beta"},
				} {
					auth, err := client.New(client.Config{Mode: mode, Clock: h.clock, Issuers: []client.Issuer{{URL: h.url}}})
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = auth.Close() })
					user, err := auth.Verify(t.Context(), tokens.AccessToken)
					if err != nil || user.Tier != want[generation] || user.EmailVerified {
						t.Errorf("%s: %+v, %v; want the tier %q", mode, user, err, want[generation])
					}
				}
			})
		}
	}
}
