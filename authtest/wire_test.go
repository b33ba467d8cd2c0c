package authtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWire(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]authtest.Option{
		"plain": nil,
		"TLS":   {authtest.WithTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t, opts...)
			issuer.Rotate()
			wiretest.Run(t, wiretest.Target{
				BaseURL: issuer.URL(),
				Client:  issuer.HTTPClient(),
				Valid:   func(testing.TB) string { return issuer.Token(authtest.Email("zoë@example.com")) },
				Expired: func(testing.TB) string { return issuer.Token(authtest.Expired()) },
				Revoked: func(testing.TB) string {
					token := issuer.Token(authtest.SessionID("ended"))
					issuer.Revoke(token)
					return token
				},
				Foreign: func(testing.TB) string { return issuer.Token(authtest.OtherKey()) },
			})
		})
	}
}
