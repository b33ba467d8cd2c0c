package client_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	_ "crypto/sha512"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

var b64 = base64.RawURLEncoding

// Section A, the algorithm.
func TestAlgorithm(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "null", "none ", "NonE"} {
		none := authtest.All(authtest.AlgNone(), authtest.Header("alg", alg))
		attacks = append(attacks,
			attack{name: fmt.Sprintf("A1 alg %q unsigned", alg), claim: none, want: client.ErrMalformed},
			attack{name: fmt.Sprintf("A2 alg %q with the good signature", alg), claim: authtest.Header("alg", alg), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("A2 alg %q with any signature", alg), want: client.ErrMalformed,
				claim: authtest.All(none, authtest.Signature(func([]byte) []byte { return bytes.Repeat([]byte{7}, 64) }))})
	}
	attacks = append(attacks,
		attack{name: "A3 alg missing", claim: authtest.WithoutHeader("alg"), want: client.ErrMalformed},
		attack{name: "A3 alg and all else missing", claim: authtest.RawHeader([]byte("{}")), want: client.ErrMalformed},
		attack{name: "A7 ALG alone", claim: l.inHeader(`"alg"`, `"ALG"`), want: client.ErrMalformed},
		attack{name: "A7 Alg beside alg", claim: l.headerWith(`"Alg":"EdDSA"`), want: client.ErrMalformed},
		attack{name: "A7 ALG none beside alg", claim: l.headerWith(`"ALG":"none"`), want: client.ErrMalformed},
	)
	for _, value := range []string{"null", "5", "true", `["EdDSA"]`, "[]", "{}", `{"alg":"EdDSA"}`, "-8"} {
		attacks = append(attacks, attack{name: "A4 alg " + value, claim: l.inHeader(`"EdDSA"`, value), want: client.ErrMalformed})
	}
	for number, algs := range map[string][]string{
		"A5":  {"eddsa", "EDDSA", "EdDsa", "Eddsa", "eDDSA"},
		"A6":  {"EdDSA ", " EdDSA", "EdDSA\x00", "\u0415dDSA", "EdDSA\t", "EdDSA\n", "EdDSA\u200b", "\ufeffEdDSA", "\uff25dDSA", "EdD\u017fA", "EdDSA\u00a0", "EdDSA,none"},
		"A11": {"HS256", "RS256", "PS512", "ES256", "ES256K", "ML-DSA-44", "dir", "A256GCM", "RSA-OAEP", "PBES2-HS256+A128KW"},
		"A12": {"Ed25519", "ed25519"},
		"A13": {"Ed448", "EdDSA448", "X25519", "ECDH-ES", "Ed25519ph", "Ed25519ctx"},
	} {
		for _, alg := range algs {
			attacks = append(attacks, attack{name: fmt.Sprintf("%s alg %q", number, alg), claim: authtest.Header("alg", alg), want: client.ErrMalformed})
		}
	}
	l.refuse(t, attacks)
}

// A9, A10 and A11: a genuine signature of another algorithm, with keys that a
// stranger has.
func TestOtherAlgorithms(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	add := func(name, alg string, sign func(input []byte) []byte) {
		input := b64.EncodeToString([]byte(strings.Replace(l.header, "EdDSA", alg, 1))) + "." + b64.EncodeToString([]byte(l.payload))
		token := input + "." + b64.EncodeToString(sign([]byte(input)))
		attacks = append(attacks, attack{name: name + " " + alg, edit: func(string) string { return token }, want: client.ErrMalformed})
	}
	hashes := map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512}
	for name, secret := range l.publicSecrets() {
		// Zeros behind a secret change nothing of its HMAC (RFC 2104 section 2), and
		// take it over the least length of FIPS 140-3 (S32).
		secret = append(slices.Clone(secret), make([]byte, 16)...)
		for alg, hash := range hashes {
			add(name, alg, func(input []byte) []byte {
				mac := hmac.New(hash.New, secret)
				mac.Write(input)
				return mac.Sum(nil)
			})
		}
	}
	for alg, key := range map[string]struct {
		curve elliptic.Curve
		hash  crypto.Hash
	}{"ES256": {elliptic.P256(), crypto.SHA256}, "ES384": {elliptic.P384(), crypto.SHA384}, "ES512": {elliptic.P521(), crypto.SHA512}} {
		private, err := ecdsa.GenerateKey(key.curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		add("A11", alg, func(input []byte) []byte {
			r, s, err := ecdsa.Sign(rand.Reader, private, digest(key.hash, input))
			if err != nil {
				t.Fatal(err)
			}
			size := (key.curve.Params().BitSize + 7) / 8
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		})
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for alg, opts := range map[string]crypto.SignerOpts{
		"RS256": crypto.SHA256, "RS512": crypto.SHA512,
		"PS256": &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256},
	} {
		add("A11", alg, func(input []byte) []byte {
			signature, err := private.Sign(rand.Reader, digest(opts.HashFunc(), input), opts)
			if err != nil {
				t.Fatal(err)
			}
			return signature
		})
	}
	l.refuse(t, attacks)
}

func digest(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	h.Write(input)
	return h.Sum(nil)
}

// publicSecrets are what a verifier confused about the algorithm may take for
// an HMAC secret (A9), and the secrets that everybody tries (A10).
func (l *lab) publicSecrets() map[string][]byte {
	l.t.Helper()
	kid := l.Kids()[0]
	key := l.PublicKey(kid)
	x := b64.EncodeToString(key)
	jwk := fmt.Sprintf(`{"alg":"EdDSA","crv":"Ed25519","x":%q,"kty":"OKP","kid":%q,"use":"sig"}`, x, kid)
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		l.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	thumb := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	secrets := map[string][]byte{
		"A9 key": key, "A9 x": []byte(x), "A9 hex": []byte(hex.EncodeToString(key)), "A9 kid": []byte(kid), "A9 thumbprint": thumb[:],
		"A9 JWK": []byte(jwk), "A9 JWKS": []byte(`{"keys":[` + jwk + `]}`), "A9 SPKI": der,
		"A9 PEM": text, "A9 PEM without newline": bytes.TrimSpace(text), "A9 padded x": []byte(base64.StdEncoding.EncodeToString(key)),
		"A10 no secret": nil, "A10 zero byte": {0},
	}
	for _, common := range []string{"secret", "password", "your-256-bit-secret", "changeme", "jwt_secret", "null", "undefined", "manacore", "better-auth-secret-123456789"} {
		secrets["A10 "+common] = []byte(common)
	}
	return secrets
}

// order is that of the base point of edwards25519 (RFC 8032 section 5.1).
var order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)

// smallOrder are all points of small order: the canonical encodings, and those
// that are not (y of p and above, and x of zero with a sign).
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",

	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addOrder adds the order n times to S: the same equation, another text.
func addOrder(n int64) func([]byte) []byte {
	return func(signature []byte) []byte {
		s := slices.Clone(signature[32:])
		slices.Reverse(s)
		sum := new(big.Int).Add(new(big.Int).SetBytes(s), new(big.Int).Mul(order, big.NewInt(n)))
		s = sum.FillBytes(make([]byte, 32))
		slices.Reverse(s)
		return append(slices.Clone(signature[:32]), s...)
	}
}

// Section A, the signature.
func TestSignature(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	other := l.Token(authtest.Set("jti", "2")) // of the same user
	_, othersSignature := cutLast(other)
	attacks := []attack{
		{name: "A14 zeros", claim: authtest.Signature(func([]byte) []byte { return make([]byte, 64) }), want: client.ErrSignature},
		{name: "A14 ones", claim: authtest.Signature(func([]byte) []byte { return bytes.Repeat([]byte{0xff}, 64) }), want: client.ErrSignature},
		{name: "A14 S is zero", claim: authtest.Signature(func(s []byte) []byte { return append(s[:32], make([]byte, 32)...) }), want: client.ErrSignature},
		{name: "A14 R and S are swapped", claim: authtest.Signature(func(s []byte) []byte { return append(slices.Clone(s[32:]), s[:32]...) }), want: client.ErrSignature},
		{name: "A15 no signature", claim: authtest.Unsigned(), want: client.ErrMalformed},
		{name: "A15 no signature and no dot", edit: func(text string) string { input, _ := cutLast(text); return input }, want: client.ErrMalformed},
		{name: "A22 signature of another token", edit: func(text string) string { input, _ := cutLast(text); return input + "." + othersSignature }, want: client.ErrSignature},
		{name: "A22 claims of another token", edit: func(text string) string { return cross(text, other, 1) }, want: client.ErrSignature},
		{name: "forged by another key", claim: authtest.OtherKey(), want: client.ErrSignature},
	}
	for _, n := range []int64{1, 2, 3, 7, 14} {
		attacks = append(attacks, attack{name: fmt.Sprintf("A16 S+%dL", n), claim: authtest.Signature(addOrder(n)), want: client.ErrSignature})
	}
	for _, n := range []int{0, 1, 31, 32, 33, 62, 63, 65, 66, 96, 128, 1024} {
		attacks = append(attacks, attack{name: fmt.Sprintf("A17 %d bytes", n), want: client.ErrMalformed,
			claim: authtest.Signature(func(s []byte) []byte { return append(s, make([]byte, 1024)...)[:n] })})
	}
	for _, point := range smallOrder {
		r := unhex(t, point)
		attacks = append(attacks,
			attack{name: "A14 S is zero, R is " + point, claim: authtest.Signature(func([]byte) []byte { return append(slices.Clone(r), make([]byte, 32)...) }), want: client.ErrSignature},
			attack{name: "A18 R is " + point, claim: authtest.Signature(func(s []byte) []byte { return append(slices.Clone(r), s[32:]...) }), want: client.ErrSignature})
	}
	l.refuse(t, attacks)
}

// A25: expired is said only of a token that is good in everything else.
func TestSeveralErrors(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.refuse(t, []attack{
		{name: "A25 expired and for another audience", claim: authtest.All(authtest.Expired(), authtest.OtherAudience()), want: client.ErrClaims},
		{name: "A25 expired and of another issuer", claim: authtest.All(authtest.Expired(), authtest.OtherIssuer()), want: client.ErrClaims},
		{name: "A25 expired and not yet valid", claim: authtest.All(authtest.Expired(), authtest.NotBefore(epoch.Add(longLife))), want: client.ErrClaims},
		{name: "A25 expired and without email", claim: authtest.All(authtest.Expired(), authtest.Without("email")), want: client.ErrClaims},
		{name: "A25 expired and without sub", claim: authtest.All(authtest.Expired(), authtest.Without("sub")), want: client.ErrClaims},
		{name: "A25 expired and with a jwk", claim: authtest.All(authtest.Expired(), authtest.Header("jwk", 1)), want: client.ErrMalformed},
		{name: "A25 badly signed and with a number for sub", claim: authtest.All(authtest.OtherKey(), authtest.Set("sub", 1)), want: client.ErrClaims},
	})
	// Without a key, Remote mode can't see the forgery in what has expired
	// anyway, and does not ask about it.
	refused(t, l.auth, l.Token(authtest.Expired(), authtest.OtherKey()), client.ErrSignature)
	refused(t, l.auth, l.Token(authtest.Expired(), authtest.UnknownKid()), client.ErrUnknownKey)
	refused(t, l.remote, l.Token(authtest.Expired(), authtest.OtherKey()), client.ErrExpired)
}

// cutLast splits a token before its signature.
func cutLast(text string) (input, signature string) {
	at := strings.LastIndexByte(text, '.')
	return text[:at], text[at+1:]
}

// cross gives text the nth part of other.
func cross(text, other string, n int) string {
	parts := strings.Split(text, ".")
	parts[n] = strings.Split(other, ".")[n]
	return strings.Join(parts, ".")
}

// A19: a key of small order, with which anyone signs anything, never gets into
// the set. crypto/ed25519 accepts these signatures.
func TestSmallOrderKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	forged := 0
	var attacks []attack
	for i, point := range smallOrder {
		key := unhex(t, point)
		kid := fmt.Sprintf("weak-%d", i)
		l.AddJWK(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":%q,"kid":%q,"use":"sig","alg":"EdDSA"}`, b64.EncodeToString(key), kid))
		input, signature := weakSignature(l, kid, key)
		if ed25519.Verify(key, []byte(input), signature) {
			forged++
		}
		attacks = append(attacks, attack{name: "A19 key " + point, want: client.ErrUnknownKey,
			edit: func(string) string { return input + "." + b64.EncodeToString(signature) }})
	}
	if forged < 8 {
		t.Errorf("%d of these forgeries verify: the table has lost its teeth", forged)
	}
	l.auth = l.newClient(nil) // reads the key set with the weak keys
	l.wantOK(l.Token())
	if n := l.auth.Stats().Issuers[0].Keys; n != 1 {
		t.Errorf("%d keys held, want the good one", n)
	}
	l.refuse(t, attacks)
}

// weakSignature tries messages until one verifies: of S = 0 and R = identity
// that is one in eight at the worst.
func weakSignature(l *lab, kid string, key []byte) (input string, signature []byte) {
	signature = make([]byte, 64)
	signature[0] = 1
	for n := range 200 {
		header := fmt.Sprintf(`{"alg":"EdDSA","kid":%q,"n":%d}`, kid, n)
		input = b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(l.payload))
		if ed25519.Verify(key, []byte(input), signature) {
			break
		}
	}
	return input, signature
}
