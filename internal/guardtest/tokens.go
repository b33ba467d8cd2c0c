package guardtest

import (
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// runTokens: the real client behind the guard, in both modes, with real tokens
// over real HTTP.
func runTokens(t *testing.T, build Build) {
	tests := []struct {
		name   string
		change authtest.Claim
		want   deny // nil: passes
	}{
		{"good", authtest.Subject("ada"), nil},
		{"G135 expired", authtest.Expired(), expired},
		{"A1 alg none", authtest.AlgNone(), invalid},
		{"another key", authtest.OtherKey(), invalid},
		{"another audience", authtest.OtherAudience(), invalid},
	}
	for _, mode := range []client.Mode{client.ModeLocal, client.ModeRemote} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t)
			auth, err := client.New(client.Config{Mode: mode, Issuers: []client.Issuer{{URL: issuer.URL()}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = auth.Close() })
			layers := guarded()
			layers[0].Auth = auth
			s := start(t, build, App{Guards: layers, Routes: []Route{{Method: "GET", Path: "/me", Serve: whoami(t)}}})
			for _, tt := range tests {
				want := as("ada")
				if tt.want != nil {
					want = tt.want("/me")
				}
				t.Run(tt.name, func(t *testing.T) {
					s.expect(t, "GET /me\nAuthorization: Bearer "+issuer.Token(tt.change), "", want)
				})
			}
			t.Run("G125 none", func(t *testing.T) { s.expect(t, "GET /me", "", noToken("/me")) })
		})
	}
}
