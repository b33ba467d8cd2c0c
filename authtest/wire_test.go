package authtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/internal/wiretest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		generation wire.Generation
		opts       []authtest.Option
	}{
		"plain": {wire.Generation2025, nil},
		"TLS":   {wire.Generation2025, []authtest.Option{authtest.WithTLS()}},
		"pipes": {wire.Generation2025, []authtest.Option{authtest.WithoutSockets()}},
		"2026":  {wire.Generation2026, []authtest.Option{authtest.WithGeneration2026()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := authtest.NewIssuer(t, append(c.opts, authtest.WithRevocations())...)
			issuer.Rotate()
			wiretest.Run(t, wiretest.Target{
				BaseURL:    issuer.URL(),
				Generation: c.generation,
				Client:     issuer.HTTPClient(),
				Feed:       true,
				Valid:      func(testing.TB) string { return issuer.Token(authtest.Email("zoë@example.com")) },
				Expired:    func(testing.TB) string { return issuer.Token(authtest.Expired()) },
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
