package benchmarks

import (
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// BenchmarkRefuse shows what text that is no token costs, up to where it is
// refused, and a huge token, which some accept.
func BenchmarkRefuse(b *testing.B) {
	issuer := authtest.NewIssuer(b)
	all := append([]peer{{"manacore", asVerify(ours(b, issuer, client.CacheConfig{}))}}, peers(b, issuer)...)
	for _, c := range []struct {
		name, token string
		wellSigned  bool
	}{
		{"10MB", issuer.Token(lasting(), authtest.Set("padding", strings.Repeat("x", 7_500_000))), true}, // F116
		{"1Mdots", strings.Repeat(".", 1_000_000), false},                                                // F114
		{"forged", issuer.Token(lasting(), authtest.OtherKey()), false},                                  // F119
		{"unsigned", issuer.Token(lasting(), authtest.AlgNone()), false},                                 // A1
	} {
		for _, p := range all {
			b.Run(c.name+"/"+p.name, func(b *testing.B) { benchRefuse(b, p.verify, c.token, c.wellSigned) })
		}
	}
}

// benchRefuse expects the same verdict each time. Peers may accept what is
// well signed, which then shows as the metric "accepted".
func benchRefuse(b *testing.B, v verify, token string, wellSigned bool) {
	ctx := b.Context()
	_, err := v(ctx, token)
	accepted := err == nil
	if accepted && !wellSigned {
		b.Fatal("accepted")
	}
	b.ReportAllocs()
	report := countCPU(b)
	for b.Loop() {
		if _, err := v(ctx, token); (err == nil) != accepted {
			b.Fatalf("another verdict: %v", err)
		}
	}
	report()
	if accepted {
		b.ReportMetric(1, "accepted")
	}
}
