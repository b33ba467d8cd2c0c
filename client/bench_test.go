package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// BenchmarkVerify measures, in one run and on one token, what Verify costs
// beside the signature check that it cannot do without.
func BenchmarkVerify(b *testing.B) {
	issuer := authtest.NewIssuer(b)
	// Of use for as long as a run with a high -count takes.
	lasting := authtest.ExpiresIn(20 * time.Hour)
	token := issuer.Token(lasting)

	b.Run("ed25519", func(b *testing.B) {
		key := issuer.PublicKey(issuer.Kids()[0])
		dot := strings.LastIndexByte(token, '.')
		signed := []byte(token[:dot])
		signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !ed25519.Verify(key, signed, signature) {
				b.Fatal("signature refused")
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		benchVerify(b, issuer, client.CacheConfig{Size: -1}, token)
	})
	b.Run("hot", func(b *testing.B) {
		benchVerify(b, issuer, client.CacheConfig{}, token)
	})
	many := make([]string, 10_000)
	for i := range many {
		many[i] = issuer.Token(lasting, authtest.Subject(strconv.Itoa(i)))
	}
	b.Run("filling", func(b *testing.B) { // cold, and remembered each time
		benchVerify(b, issuer, client.CacheConfig{Size: 16}, many...)
	})
	b.Run("many", func(b *testing.B) {
		benchVerify(b, issuer, client.CacheConfig{}, many...)
	})
	b.Run("parallel", func(b *testing.B) {
		auth := benchClient(b, issuer, client.CacheConfig{}, token)
		b.ReportAllocs()
		b.SetParallelism(32) // times GOMAXPROCS: 64 goroutines on two cores
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := auth.Verify(b.Context(), token); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// benchVerify verifies the tokens in turn. Each has been seen once before.
func benchVerify(b *testing.B, issuer *authtest.Issuer, cache client.CacheConfig, tokens ...string) {
	auth := benchClient(b, issuer, cache, tokens...)
	ctx := b.Context()
	next := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.Verify(ctx, tokens[next]); err != nil {
			b.Fatal(err)
		}
		if next++; next == len(tokens) {
			next = 0
		}
	}
}

func benchClient(b *testing.B, issuer *authtest.Issuer, cache client.CacheConfig, tokens ...string) *client.Client {
	auth, err := client.New(client.Config{
		Issuers: []client.Issuer{{URL: issuer.URL()}},
		Cache:   cache,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { auth.Close() })
	for _, token := range tokens {
		if _, err := auth.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
	return auth
}

// BenchmarkVerifyRatio takes turns between a bare signature check and Verify,
// over tokens that are all different: what the machine does meanwhile falls on
// both alike, and neither profits from checking one signature again and again,
// which is some 3 % faster. It reports how many times the bare check Verify
// costs, in wall time.
func BenchmarkVerifyRatio(b *testing.B) {
	issuer := authtest.NewIssuer(b)
	key := issuer.PublicKey(issuer.Kids()[0])
	tokens := make([]string, 1000)
	signed, signatures := make([][]byte, len(tokens)), make([][]byte, len(tokens))
	for i := range tokens {
		tokens[i] = issuer.Token(authtest.ExpiresIn(20*time.Hour), authtest.Subject(strconv.Itoa(i)))
		dot := strings.LastIndexByte(tokens[i], '.')
		signature, err := base64.RawURLEncoding.DecodeString(tokens[i][dot+1:])
		if err != nil {
			b.Fatal(err)
		}
		signed[i], signatures[i] = []byte(tokens[i][:dot]), signature
	}
	for name, cache := range map[string]client.CacheConfig{"cold": {Size: -1}, "filling": {Size: 16}} {
		b.Run(name, func(b *testing.B) {
			auth := benchClient(b, issuer, cache, tokens[0])
			var bare, ours time.Duration
			i := 0
			for b.Loop() {
				start := time.Now()
				if !ed25519.Verify(key, signed[i], signatures[i]) {
					b.Fatal("signature refused")
				}
				middle := time.Now()
				if _, err := auth.Verify(b.Context(), tokens[i]); err != nil {
					b.Fatal(err)
				}
				bare, ours = bare+middle.Sub(start), ours+time.Since(middle)
				i = (i + 1) % len(tokens)
			}
			b.ReportMetric(float64(ours)/float64(bare), "×ed25519")
		})
	}
}
