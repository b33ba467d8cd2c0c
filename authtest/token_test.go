package authtest_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
)

// parts decodes a token; signed tells whether key made its signature.
func parts(t *testing.T, token string, key ed25519.PublicKey) (header, payload string, signed bool) {
	t.Helper()
	p := strings.Split(token, ".")
	if len(p) != 3 {
		t.Fatalf("%d parts in %q", len(p), token)
	}
	var decoded [3][]byte
	for i := range p {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(p[i]); err != nil {
			t.Fatal(err)
		}
	}
	return string(decoded[0]), string(decoded[1]), ed25519.Verify(key, []byte(p[0]+"."+p[1]), decoded[2])
}

func TestToken(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(start)
	issuer := authtest.NewIssuer(t, authtest.WithClock(clock), authtest.WithSeed("token"))
	kid := issuer.Kids()[0]
	goodHeader := `{"alg":"EdDSA","kid":"` + kid + `"}`
	const goodPayload = `{"aud":"manacore","email":"user@example.com","exp":1767323945,"iat":1767323045,"iss":"manacore",` +
		`"role":"user","sid":"Vw6Xq1ZtB9nK4rMf8PjL2sYhC7dGe3Ua","sub":"kT3vQ9mWx2LbR7sYc5NzHd8FgJp4UaEo"}`
	payload := func(old, new string) string {
		if !strings.Contains(goodPayload, old) {
			t.Fatalf("no %s in the good payload", old)
		}
		return strings.Replace(goodPayload, old, new, 1)
	}
	for _, c := range []struct {
		name            string
		claims          []authtest.Claim
		header, payload string
		unsigned        bool // not by the key that the header names
	}{
		{"good", nil, goodHeader, goodPayload, false},
		{"subject", []authtest.Claim{authtest.Subject("ada")}, goodHeader, payload(authtest.DefaultSubject, "ada"), false},
		{"role", []authtest.Claim{authtest.Role("admin")}, goodHeader, payload(`"role":"user"`, `"role":"admin"`), false},
		{"session", []authtest.Claim{authtest.SessionID("")}, goodHeader, payload(authtest.DefaultSessionID, ""), false},
		{"beyond ASCII", []authtest.Claim{authtest.Email("zoë")}, goodHeader, payload("user@example.com", `zo\u00eb`), false},
		{"expires in", []authtest.Claim{authtest.ExpiresIn(time.Minute)}, goodHeader, payload("1767323945", "1767323105"), false},
		{"S19 expired before now, and issued before that", []authtest.Claim{authtest.ExpiresIn(-time.Minute)}, goodHeader, payload(`"exp":1767323945,"iat":1767323045`, `"exp":1767322985,"iat":1767322085`), false},
		{"S19 issued after its end", []authtest.Claim{authtest.IssuedAt(start), authtest.ExpiresIn(-time.Minute)}, goodHeader, payload("1767323945", "1767322985"), false},
		{"expires at", []authtest.Claim{authtest.ExpiresAt(start)}, goodHeader, payload("1767323945", "1767323045"), false},
		{"issued at", []authtest.Claim{authtest.IssuedAt(start.Add(time.Second))}, goodHeader, payload("1767323045", "1767323046"), false},
		{"not before", []authtest.Claim{authtest.NotBefore(start)}, goodHeader, payload(`"role"`, `"nbf":1767323045,"role"`), false},
		{"audiences", []authtest.Claim{authtest.Audience("a", "b")}, goodHeader, payload(`"aud":"manacore"`, `"aud":["a","b"]`), false},
		{"no audiences", []authtest.Claim{authtest.Audience()}, goodHeader, payload(`"aud":"manacore"`, `"aud":[]`), false},
		{"other audience", []authtest.Claim{authtest.OtherAudience()}, goodHeader, payload(`"aud":"manacore"`, `"aud":"other-audience"`), false},
		{"other issuer", []authtest.Claim{authtest.OtherIssuer()}, goodHeader, payload(`"iss":"manacore"`, `"iss":"other-issuer"`), false},
		{"without", []authtest.Claim{authtest.Without("iat", "sid")}, goodHeader,
			`{"aud":"manacore","email":"user@example.com","exp":1767323945,"iss":"manacore","role":"user","sub":"` + authtest.DefaultSubject + `"}`, false},
		{"any JSON", []authtest.Claim{authtest.Set("sub", jsontext.Value(`{"a":1,"a":1e400}`))}, goodHeader,
			payload(`"`+authtest.DefaultSubject+`"`, `{"a":1,"a":1e400}`), false},
		{"raw payload", []authtest.Claim{authtest.RawPayload([]byte("\xff{"))}, goodHeader, "\xff{", false},
		{"no payload", []authtest.Claim{authtest.RawPayload(nil)}, goodHeader, "", false},
		{"raw header", []authtest.Claim{authtest.RawHeader([]byte(`{"alg":"EdDSA","alg":"none"}`))}, `{"alg":"EdDSA","alg":"none"}`, goodPayload, false},
		{"B47 crit", []authtest.Claim{authtest.Header("crit", []string{"x"})}, `{"alg":"EdDSA","crit":["x"],"kid":"` + kid + `"}`, goodPayload, false},
		{"B34 no kid", []authtest.Claim{authtest.WithoutHeader("kid")}, `{"alg":"EdDSA"}`, goodPayload, false},
		{"A1 alg none", []authtest.Claim{authtest.AlgNone()}, `{"alg":"none","kid":"` + kid + `"}`, goodPayload, true},
		{"A9 HMAC", []authtest.Claim{authtest.HS256WithPublicKey()}, `{"alg":"HS256","kid":"` + kid + `"}`, goodPayload, true},
		{"A15 unsigned", []authtest.Claim{authtest.Unsigned()}, goodHeader, goodPayload, true},
		{"A14 zero signature", []authtest.Claim{authtest.Signature(func(s []byte) []byte { return make([]byte, len(s)) })}, goodHeader, goodPayload, true},
		{"other key", []authtest.Claim{authtest.OtherKey()}, goodHeader, goodPayload, true},
		{"several in one", []authtest.Claim{authtest.All(authtest.Role("x"), authtest.Role("admin"))}, goodHeader, payload(`"role":"user"`, `"role":"admin"`), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header, payload, signed := parts(t, issuer.Token(c.claims...), issuer.PublicKey(kid))
			if diff := cmp.Diff([]string{c.header, c.payload}, []string{header, payload}); diff != "" {
				t.Errorf("header and payload (-want +got):\n%s", diff)
			}
			if signed == c.unsigned {
				t.Errorf("signed = %t", signed)
			}
		})
	}
}

func TestTokenHMAC(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	for name, c := range map[string]struct {
		claim  authtest.Claim
		secret []byte
	}{
		"A9 public key":  {authtest.HS256WithPublicKey(), issuer.PublicKey(issuer.Kids()[0])},
		"A10 blank key":  {authtest.HS256(nil), nil},
		"A10 common key": {authtest.HS256([]byte("secret")), []byte("secret")},
	} {
		token := issuer.Token(c.claim)
		input, signature, _ := cutLast(token)
		if want := base64.RawURLEncoding.EncodeToString(rfc2104(c.secret, input)); signature != want {
			t.Errorf("%s: signature %s, want %s", name, signature, want)
		}
	}
}

// rfc2104 is the HMAC with SHA-256 of RFC 2104 section 2, for a secret of at
// most a block.
func rfc2104(secret []byte, input string) []byte {
	padded := func(mask byte) []byte {
		block := make([]byte, sha256.BlockSize)
		copy(block, secret)
		for i := range block {
			block[i] ^= mask
		}
		return block
	}
	inner := sha256.Sum256(append(padded(0x36), input...))
	outer := sha256.Sum256(append(padded(0x5c), inner[:]...))
	return outer[:]
}

// A program that allows the algorithms of FIPS 140 alone can be tried with
// forgeries that are keyed with less.
func TestS32ShortSecretsInFIPSMode(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, "-test.run=^TestTokenHMAC$", "-test.v")
	command.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := command.CombinedOutput()
	if err != nil && strings.Contains(string(out), "not supported") {
		t.Skipf("no FIPS mode here: %s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTokenHMAC") {
		t.Errorf("%v: %s", err, out)
	}
}

func cutLast(token string) (input, signature string, ok bool) {
	at := strings.LastIndexByte(token, '.')
	return token[:at], token[at+1:], at >= 0
}

func TestSign(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	key := issuer.PublicKey(issuer.Kids()[0])
	header, payload, signed := parts(t, issuer.Sign([]byte("\x00h"), []byte("p\xff")), key)
	if header != "\x00h" || payload != "p\xff" || !signed {
		t.Errorf("Sign: header %q, payload %q, signed %t", header, payload, signed)
	}
	const input = "e30=. +/"
	got, signature, _ := cutLast(issuer.SignInput(input))
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if got != input || err != nil || !ed25519.Verify(key, []byte(input), raw) {
		t.Errorf("SignInput: input %q, signature %s (%v)", got, signature, err)
	}
}

func TestSignedBy(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	header, _, signed := parts(t, issuer.Token(authtest.SignedBy(private)), public)
	if !signed || !strings.Contains(header, issuer.Kids()[0]) {
		t.Errorf("signed %t, header %s", signed, header)
	}
}

func TestUnknownKid(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	seen := map[string]bool{}
	for range 3 {
		header, _, signed := parts(t, issuer.Token(authtest.UnknownKid()), issuer.PublicKey(issuer.Kids()[0]))
		var h struct {
			Kid string `json:"kid"`
		}
		if err := json.Unmarshal([]byte(header), &h); err != nil {
			t.Fatal(err)
		}
		if seen[h.Kid] || issuer.PublicKey(h.Kid) != nil || !signed {
			t.Errorf("kid %q: seen %t, signed %t", h.Kid, seen[h.Kid], signed)
		}
		seen[h.Kid] = true
	}
}

// fatal is a testing.TB that notes a failure instead of ending the test.
type fatal struct {
	testing.TB
	calls int
}

func (f *fatal) Fatalf(string, ...any) { f.calls++ }
func (f *fatal) Helper()               {}

func TestMisuseFailsTheTest(t *testing.T) {
	t.Parallel()
	for name, misuse := range map[string]func(*authtest.Issuer){
		"claim that is no JSON": func(i *authtest.Issuer) { i.Token(authtest.Set("x", make(chan int))) },
		"invalid UTF-8":         func(i *authtest.Issuer) { i.Token(authtest.Subject("u\xff")) },
		"no such kid":           func(i *authtest.Issuer) { i.Token(authtest.Kid("none")) },
		"remove no such kid":    func(i *authtest.Issuer) { i.RemoveKey("none") },
		"TLS error without TLS": func(i *authtest.Issuer) { i.Break(authtest.TLSError) },
		"no such fault":         func(i *authtest.Issuer) { i.Break("none") },
	} {
		tb := &fatal{TB: t}
		misuse(authtest.NewIssuer(tb))
		if tb.calls == 0 {
			t.Errorf("%s: the test goes on", name)
		}
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(start)
	token := func(opts ...authtest.Option) string {
		issuer := authtest.NewIssuer(t, append(opts, authtest.WithClock(clock))...)
		if first := issuer.Kids()[0]; issuer.Rotate() == first {
			t.Error("one seed, one key")
		}
		return issuer.Token()
	}
	one, same := token(authtest.WithSeed("one")), token(authtest.WithSeed("one"))
	if one != same {
		t.Error("one seed, two tokens")
	}
	random, other := token(), token()
	if one == token(authtest.WithSeed("two")) || random == other {
		t.Error("two seeds, or none, and one token")
	}
}
