package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustSecret(t *testing.T) string {
	t.Helper()
	text, err := secret.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var b64 = base64.RawURLEncoding

// fixture is an Access over two keys; "signing" signs.
func fixture(t *testing.T) Access {
	t.Helper()
	kek := bytes.Repeat([]byte{7}, keys.KEKBytes)
	var rows []store.Key
	for i, kid := range []string{"signing", "older"} {
		key, err := keys.New(kid, kek, rand.Reader, now)
		if err != nil {
			t.Fatal(err)
		}
		key.SignsFrom, key.TokenTTL = now.Add(-time.Duration(i)*time.Minute), time.Hour
		rows = append(rows, key)
	}
	ring, err := keys.Load(rows, kek, now)
	if err != nil {
		t.Fatal(err)
	}
	return Access{Ring: func() *keys.Ring { return ring }, Issuer: "manacore", Audience: "manacore"}
}

func goodClaims() Claims {
	return Claims{
		Sub: "user", Email: "ann@example.com", Role: "user", Sid: "session",
		Iat: now.Unix(), Exp: now.Add(15 * time.Minute).Unix(), Iss: "manacore", Aud: "manacore",
	}
}

const goodPayload = `{"sub":"user","email":"ann@example.com","role":"user","sid":"session","iat":1767323045,"exp":1767323945,"iss":"manacore","aud":"manacore"}`

// raw signs any header and payload with the real key.
func raw(a Access, header, payload string) string {
	return rawSegments(a, b64.EncodeToString([]byte(header)), b64.EncodeToString([]byte(payload)))
}

func rawSegments(a Access, header, payload string) string {
	input := header + "." + payload
	key, err := a.Ring().Signing(now)
	if err != nil {
		panic(err)
	}
	return input + "." + b64.EncodeToString(ed25519.Sign(key.Private, []byte(input)))
}

func sign(t *testing.T, a Access, c Claims) string {
	t.Helper()
	signer, err := a.Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Sign(c, Standing{Tier: "beta", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSign(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	text := sign(t, a, goodClaims())
	if want := raw(a, `{"alg":"EdDSA","kid":"signing","typ":"JWT"}`, goodPayload); text != want {
		t.Errorf("Sign = %s\nwant   %s", text, want)
	}
	got, err := a.Verify(text, now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(goodClaims(), got); diff != "" {
		t.Errorf("claims (-signed +read):\n%s", diff)
	}
}

// TestSignEscapes: clients read claims with a decoder for Latin-1.
func TestSignEscapes(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	c := goodClaims()
	c.Email = "jürgen👍@example.com"
	text := sign(t, a, c)
	payload, err := b64.DecodeString(strings.Split(text, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"email":"j\u00fcrgen\ud83d\udc4d@example.com"`) {
		t.Errorf("payload %s, %v", payload, err)
	}
	if got, err := a.Verify(text, now); err != nil || got.Email != c.Email {
		t.Errorf("read back as %q, %v", got.Email, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	text := sign(t, a, goodClaims())
	exp := time.Unix(goodClaims().Exp, 0)
	for _, test := range []struct {
		at   time.Time
		want error
	}{
		{exp.Add(-time.Nanosecond), nil},
		{exp, ErrExpired}, // A84: on or after
		{exp.Add(time.Hour), ErrExpired},
		{now.Add(-time.Hour), nil}, // A89: a clock that went back
	} {
		c, err := a.Verify(text, test.at)
		if !errors.Is(err, test.want) || (err != nil && c != Claims{}) {
			t.Errorf("at %v: %+v, %v; want %v", test.at, c, err, test.want)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	const header = `{"alg":"EdDSA","kid":"signing","typ":"JWT"}`
	good := raw(a, header, goodPayload)
	h, rest, _ := strings.Cut(good, ".")
	p, s, _ := strings.Cut(rest, ".")
	signature, err := b64.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := a.Ring().ByHeader(h)
	payload := func(old, new string) string { return raw(a, header, strings.Replace(goodPayload, old, new, 1)) }
	hs256 := func(secret []byte) string {
		input := b64.EncodeToString([]byte(`{"alg":"HS256","kid":"signing","typ":"JWT"}`)) + "." + p
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + b64.EncodeToString(mac.Sum(nil))
	}
	other := sign(t, a, Claims{Sub: "other", Sid: "other", Iat: now.Unix(), Exp: now.Unix() + 900})
	// A good payload whose last character has bits to spare.
	unused := b64.EncodeToString([]byte(goodPayload + " "))
	if _, err := a.Verify(rawSegments(a, h, unused), now); err != nil || len(unused)%4 == 0 {
		t.Fatalf("payload with a space behind: %v, %d characters", err, len(unused))
	}

	for _, test := range []struct {
		name, token string
		want        error
	}{
		{"A1 alg none", b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + p + ".", ErrHeader},
		{"A2 alg none with a signature", b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + p + "." + s, ErrHeader},
		{"A3 alg missing", raw(a, `{"kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A4 alg null", raw(a, `{"alg":null,"kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A5 alg in lower case", raw(a, `{"alg":"eddsa","kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A7 name of alg in upper case", raw(a, `{"ALG":"EdDSA","kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A9 HS256 keyed with the public key", hs256(public), ErrHeader},
		{"A10 HS256 with a blank key", hs256(nil), ErrHeader},
		{"A12 alg Ed25519", raw(a, `{"alg":"Ed25519","kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A14 zero signature", h + "." + p + "." + b64.EncodeToString(make([]byte, 64)), ErrSignature},
		{"A15 no signature", h + "." + p + ".", ErrSignature},
		{"A16 S plus L", h + "." + p + "." + b64.EncodeToString(plusL(signature)), ErrSignature},
		{"A17 63 bytes", h + "." + p + "." + b64.EncodeToString(signature[:63]), ErrSignature},
		{"A17 65 bytes", h + "." + p + "." + b64.EncodeToString(append(bytes.Clone(signature), 0)), ErrSignature},
		{"A22 another token's signature", h + "." + p + other[strings.LastIndexByte(other, '.'):], ErrSignature},
		{"A25 expired and badly signed", h + "." + b64.EncodeToString([]byte(strings.Replace(goodPayload, "1767323945", "1767323046", 1))) + "." + s, ErrSignature},
		{"A26 key in the header", raw(a, `{"alg":"EdDSA","kid":"signing","typ":"JWT","jwk":{}}`, goodPayload), ErrHeader},
		{"A34 no kid", raw(a, `{"alg":"EdDSA","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A36 kid of another key", raw(a, `{"alg":"EdDSA","kid":"older","typ":"JWT"}`, goodPayload), ErrSignature},
		{"A36 unknown kid", raw(a, `{"alg":"EdDSA","kid":"unknown","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A47 crit", raw(a, `{"alg":"EdDSA","kid":"signing","typ":"JWT","crit":["x"],"x":1}`, goodPayload), ErrHeader},
		{"A53 typ of another kind", raw(a, `{"alg":"EdDSA","kid":"signing","typ":"refresh+jwt"}`, goodPayload), ErrHeader},
		{"A57 alg twice", raw(a, `{"alg":"none","alg":"EdDSA","kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"header with another spelling", raw(a, `{"alg":"EdDSA", "kid":"signing","typ":"JWT"}`, goodPayload), ErrHeader},
		{"A59 sub twice", payload(`"sub":"user"`, `"sub":"user","sub":"admin"`), ErrMalformed},
		{"A62 SUB beside sub", payload(`"sub":"user"`, `"sub":"user","SUB":"admin"`), ErrMalformed},
		{"A65 trailing data", raw(a, header, goodPayload+"x"), ErrMalformed},
		{"A66 BOM", raw(a, header, "\ufeff"+goodPayload), ErrMalformed},
		{"A67 invalid UTF-8", payload(`"sub":"user"`, "\"sub\":\"u\xff\""), ErrMalformed},
		{"A68 lone surrogate", payload(`"sub":"user"`, `"sub":"\ud800"`), ErrMalformed},
		{"A70 an array", raw(a, header, "[]"), ErrMalformed},
		{"A70 nothing", raw(a, header, ""), ErrMalformed},
		{"A72 deep nesting", payload(`"sub":"user"`, `"sub":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), ErrMalformed},
		{"A76 a claim twice", payload(`"sub"`, `"sub":"x","sub"`), ErrMalformed},
		{"A78 exp missing", payload(`"exp":1767323945,`, ``), ErrClaims},
		{"A79 exp a string", payload(`1767323945`, `"1767323945"`), ErrMalformed},
		{"A79 exp null", payload(`1767323945`, `null`), ErrClaims},
		{"A80 exp zero", payload(`1767323945`, `0`), ErrClaims},
		{"A80 exp negative", payload(`1767323945`, `-1`), ErrClaims},
		{"A81 exp overflow", payload(`1767323945`, `9223372036854775808`), ErrMalformed},
		{"A90 other audience", payload(`"aud":"manacore"`, `"aud":"manacore2"`), ErrClaims},
		{"A90 no audience", payload(`,"aud":"manacore"`, ``), ErrClaims},
		{"A91 audience in an array", payload(`"aud":"manacore"`, `"aud":["manacore"]`), ErrMalformed},
		{"A93 other issuer", payload(`"iss":"manacore"`, `"iss":"Manacore"`), ErrClaims},
		{"A94 sub empty", payload(`"sub":"user"`, `"sub":""`), ErrClaims},
		{"sid empty", payload(`"sid":"session"`, `"sid":""`), ErrClaims},
		{"A98 a refresh token", mustSecret(t), ErrMalformed},
		{"A100 padded", good + "==", ErrSignature},
		{"A101 standard alphabet", h + "." + p + "." + base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 64)), ErrSignature},
		{"A102 trailing bits in the signature", good[:len(good)-1] + next(good[len(good)-1]), ErrSignature},
		{"A102 trailing bits in the payload", rawSegments(a, h, unused[:len(unused)-1]+next(unused[len(unused)-1])), ErrMalformed},
		{"A103 line feed in the signature", good[:len(good)-5] + "\n" + good[len(good)-5:], ErrSignature},
		{"A103 line feed in the payload", rawSegments(a, h, p[:5]+"\n"+p[5:]), ErrMalformed},
		{"A103 trailing CRLF", good + "\r\n", ErrSignature},
		{"A104 leading space", " " + good, ErrHeader},
		{"A105 two parts", h + "." + p, ErrMalformed},
		{"A105 four parts", good + ".x", ErrSignature},
		{"A105 dots", "..", ErrHeader},
		{"empty", "", ErrMalformed},
		{"A114 a million dots", strings.Repeat(".", 1e6), ErrMalformed},
		{"A116 over the cap", h + "." + strings.Repeat("A", MaxBytes) + "." + s, ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := a.Verify(test.token, now)
			if !errors.Is(err, test.want) {
				t.Errorf("Verify = %v, want %v", err, test.want)
			}
			if (c != Claims{}) { // A24
				t.Errorf("claims %+v beside an error", c)
			}
		})
	}
	if _, err := a.Verify(good, now); err != nil {
		t.Errorf("the token that all are made from: %v", err)
	}
}

// TestA20BitFlips: no bit of a token can change.
func TestA20BitFlips(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	good := sign(t, a, goodClaims())
	for i := range len(good) {
		for bit := range 8 {
			changed := []byte(good)
			changed[i] ^= 1 << bit
			if _, err := a.Verify(string(changed), now); err == nil {
				t.Fatalf("bit %d of byte %d does not count", bit, i)
			}
		}
	}
}

// plusL adds the order of the group to S (RFC 8032 section 5.1).
func plusL(signature []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	little := bytes.Clone(signature[32:])
	reverse(little)
	sum := new(big.Int).Add(new(big.Int).SetBytes(little), order).FillBytes(make([]byte, 32))
	reverse(sum)
	return append(bytes.Clone(signature[:32]), sum...)
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// next is the base64url character after c: other unused bits, the same bytes.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

// TestOtherGenerations: the names of both generations are read, and claims that
// nobody knows, under the server's own keys. What is written has the server's
// own names.
func TestOtherGenerations(t *testing.T) {
	t.Parallel()
	a := fixture(t)
	other := a
	other.Issuer, other.Audience = "https://auth.example.com", "mana"
	signer, err := other.Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Sign(goodClaims(), Standing{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Verify(text, now); !errors.Is(err, ErrClaims) {
		t.Errorf("names that nobody configured: %v", err)
	}
	a.OtherIssuers, a.OtherAudiences = []string{"manacore", other.Issuer}, []string{"manacore", other.Audience}
	if c, err := a.Verify(text, now); err != nil || c.Iss != other.Issuer || c.Aud != other.Audience {
		t.Errorf("%+v, %v", c, err)
	}
	key, err := a.Ring().Signing(now)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(goodPayload, `"sub"`, `"tier":"beta","email_verified":true,"vault":{"a":[1]},"sub"`, 1)
	input := key.Header + "." + b64.EncodeToString([]byte(more))
	if _, err := a.Verify(input+"."+b64.EncodeToString(ed25519.Sign(key.Private, []byte(input))), now); err != nil {
		t.Errorf("claims that it does not know: %v", err)
	}
}

// TestStanding: a server of 2026 alone writes tier and email_verified, and each
// reads the tokens of both. Names that differ from these in their case are
// refused.
func TestStanding(t *testing.T) {
	t.Parallel()
	older := fixture(t)
	newer := older
	newer.Generation = wire.Generation2026
	const header = `{"alg":"EdDSA","kid":"signing","typ":"JWT"}`
	claims := strings.TrimSuffix(goodPayload, "}") + `,"tier":"beta","email_verified":true}`
	text := sign(t, newer, goodClaims())
	if want := raw(older, header, claims); text != want {
		t.Errorf("Sign = %s\nwant   %s", text, want)
	}
	for name, token := range map[string]string{
		"2025": sign(t, older, goodClaims()), "2026": text,
		"2026, of another one": raw(older, header, strings.Replace(claims, "{", `{"vault":1,`, 1)),
	} {
		for _, a := range []Access{older, newer} {
			if c, err := a.Verify(token, now); err != nil || c != goodClaims() {
				t.Errorf("%s read by %q: %+v, %v", name, a.Generation, c, err)
			}
		}
	}
	for _, claim := range []string{`"Tier":"beta"`, `"TIER":"beta"`, `"Email_Verified":true`} {
		token := raw(older, header, strings.Replace(goodPayload, "{", `{`+claim+`,`, 1))
		if _, err := newer.Verify(token, now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", claim, err)
		}
	}
}
