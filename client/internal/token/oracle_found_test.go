package token_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/client/internal/token"
)

// TestOracleFound holds what the oracle of benchmarks/ found to be accepted
// here and refused by a peer.
func TestOracleFound(t *testing.T) {
	t.Parallel()
	const (
		header = `{"alg":"EdDSA","kid":"k1"}`
		claims = `{"iss":"i","aud":"a","sub":"s","exp":1}`
	)
	member := func(object, more string) string { return strings.TrimSuffix(object, "}") + "," + more + "}" }
	policy := &token.Policy{MaxBytes: 8192, Types: []string{"JWT"}, MaxLifetime: time.Hour}
	for _, c := range []struct {
		name, header, claims string
		want                 error
	}{
		{"good", header, claims, nil},
		{"white space within", "{ " + header[1:], "{\n" + claims[1:], nil},
		{"white space around the claims", header, " " + claims + "\r\n", nil},
		{"white space before the header", " " + header, claims, fault.ErrMalformed},
		{"white space after the header", header + "\n", claims, fault.ErrMalformed},
		{"header nonce", member(header, `"nonce":"n"`), claims, fault.ErrMalformed},
		{"D80 exp minus nought", header, strings.Replace(claims, "1}", "-0}", 1), fault.ErrClaims},
		{"D86 nbf minus nought", header, member(claims, `"nbf":-0`), fault.ErrClaims},
		{"D87 iat minus nought", header, member(claims, `"iat":-0`), fault.ErrClaims},
		{"D87 iat nought", header, member(claims, `"iat":0`), nil},
		{"D99 jti", header, member(claims, `"jti":"j1"`), nil},
		{"D99 jti number", header, member(claims, `"jti":5`), fault.ErrClaims},
		{"S20 jti null", header, member(claims, `"jti":null`), nil},
		{"D99 JTI", header, member(claims, `"JTI":"j1"`), fault.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			encode := base64.RawURLEncoding.EncodeToString
			text := encode([]byte(c.header)) + "." + encode([]byte(c.claims)) + "." + encode(make([]byte, 64))
			_, err := token.Read(text, policy)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
