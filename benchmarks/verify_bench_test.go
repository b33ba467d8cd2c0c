package benchmarks

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

// lasting makes tokens that outlive the longest run.
func lasting() authtest.Claim { return authtest.ExpiresIn(20 * time.Hour) }

// raw is the signature check that none can do without.
const raw = "crypto/ed25519"

// BenchmarkVerify verifies one good token.
func BenchmarkVerify(b *testing.B) {
	issuer := authtest.NewIssuer(b)
	token := issuer.Token(lasting())
	b.Run(raw, func(b *testing.B) { benchRaw(b, issuer, token) })

	many := make([]string, 10_000)
	for i := range many {
		many[i] = issuer.Token(lasting(), authtest.Subject(strconv.Itoa(i)))
	}
	b.Run("manacore,cold", func(b *testing.B) {
		bench(b, asVerify(ours(b, issuer, client.CacheConfig{Size: -1})), token)
	})
	b.Run("manacore,filling", func(b *testing.B) { // cold, and remembered each time
		bench(b, asVerify(ours(b, issuer, client.CacheConfig{Size: 16})), many...)
	})
	for _, p := range peers(b, issuer) {
		b.Run(p.name, func(b *testing.B) { bench(b, p.verify, token) })
	}

	b.Run("manacore,hot", func(b *testing.B) {
		bench(b, asVerify(ours(b, issuer, client.CacheConfig{})), token)
	})
	b.Run("manacore,hot,feed", func(b *testing.B) {
		telling := authtest.Start(authtest.WithRevocations())
		defer telling.Close()
		telling.FloodRevocations(1000)
		auth := ours(b, telling, client.CacheConfig{})
		for auth.Stats().Issuers[0].Revocations.State != "fresh" {
			check(b, auth.Ready(b.Context()))
		}
		bench(b, asVerify(auth), telling.Token())
	})
	b.Run("manacore,10000", func(b *testing.B) {
		bench(b, asVerify(ours(b, issuer, client.CacheConfig{})), many...)
	})
	b.Run("manacore,64", func(b *testing.B) {
		benchParallel(b, asVerify(ours(b, issuer, client.CacheConfig{})), token)
	})
}

func benchRaw(b *testing.B, issuer *authtest.Issuer, token string) {
	key := issuer.PublicKey(issuer.Kids()[0])
	dot := strings.LastIndexByte(token, '.')
	signed := []byte(token[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	check(b, err)
	b.ReportAllocs()
	report := countCPU(b)
	for b.Loop() {
		if !ed25519.Verify(key, signed, signature) {
			b.Fatal("signature refused")
		}
	}
	report()
}

// bench verifies the tokens in turn, all of them once beforehand.
func bench(b *testing.B, v verify, tokens ...string) {
	ctx := b.Context()
	for _, token := range tokens {
		id, err := v(ctx, token)
		check(b, err)
		if id.Subject == "" || id.Email != authtest.DefaultEmail || id.Role != authtest.DefaultRole {
			b.Fatalf("found %+v", id)
		}
	}
	next := 0
	b.ReportAllocs()
	report := countCPU(b)
	for b.Loop() {
		if _, err := v(ctx, tokens[next]); err != nil {
			b.Fatal(err)
		}
		if next++; next == len(tokens) {
			next = 0
		}
	}
	report()
}

// benchParallel verifies from 32 goroutines a core.
func benchParallel(b *testing.B, v verify, token string) {
	ctx := b.Context()
	_, err := v(ctx, token)
	check(b, err)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v(ctx, token); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
