package authtest_test

import (
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// A client with nothing but the URL takes the tokens of either generation, in
// either mode.
func TestGenerations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		opts           []authtest.Option
		iss, audience  string // "" for iss: the issuer's URL
		claimsOfOthers []authtest.Claim
	}{
		{"2025", nil, authtest.DefaultName, authtest.DefaultName, []authtest.Claim{authtest.Tier("beta"), authtest.EmailVerified(false)}},
		{"2026", []authtest.Option{authtest.WithGeneration2026()}, "", "mana", []authtest.Claim{authtest.Without("tier", "email_verified")}},
		{
			"2026 with names", []authtest.Option{authtest.WithAudience("manacore"), authtest.WithGeneration2026(), authtest.WithName("manacore")},
			"manacore", "manacore", nil,
		},
	} {
		for _, mode := range []client.Mode{"local", "remote"} {
			t.Run(c.name+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				issuer := authtest.NewIssuer(t, c.opts...)
				iss := c.iss
				if iss == "" {
					iss = issuer.URL()
				}
				if issuer.Name() != iss || issuer.Audience() != c.audience {
					t.Errorf("iss %q, aud %q; want %q, %q", issuer.Name(), issuer.Audience(), iss, c.audience)
				}
				auth, err := client.New(client.Config{Mode: mode, Issuers: []client.Issuer{{URL: issuer.URL()}}})
				if err != nil {
					t.Fatal(err)
				}
				defer auth.Close()
				for _, token := range []string{issuer.Token(), issuer.Token(c.claimsOfOthers...)} {
					if user, err := auth.Verify(t.Context(), token); err != nil || user.ID != authtest.DefaultSubject {
						t.Errorf("%+v, %v", user, err)
					}
				}
			})
		}
	}
}
