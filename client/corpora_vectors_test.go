package client_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// load reads a file of the corpora, or skips.
func load(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpora(t), file))
	if err != nil {
		t.Skip(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// group is one of a Wycheproof file: vectors and the key they go with.
type group struct {
	Comment         string
	Public, Private json.RawMessage // of a JWK file, one JWK or a set
	PublicKey       struct{ PK string }
	PublicKeyJWK    struct{ X string }
	Tests           []struct {
		ID       int `json:"tcId"`
		Comment  string
		JWS      json.RawMessage // text, or an object where it is JSON-serialized
		Msg, Sig string          // hexadecimal
		Result   string
		Flags    []string
	}
}

func wycheproof(t *testing.T, file string, count int) []group {
	t.Helper()
	var corpus struct{ TestGroups []group }
	load(t, filepath.Join("wycheproof", file), &corpus)
	n := 0
	for _, g := range corpus.TestGroups {
		n += len(g.Tests)
	}
	if n != count {
		t.Fatalf("%d vectors in %s, want %d", n, file, count)
	}
	return corpus.TestGroups
}

// jws is a vector's token: the text, or the JSON as it stands.
func jws(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// A14, A16 to A18: 151 of 151 raw signatures as marked. The vectors' messages
// are no tokens, so they go through the primitive that Verify stands on.
func TestWycheproofEd25519(t *testing.T) {
	t.Parallel()
	keys := 0
	for _, g := range wycheproof(t, "ed25519_test.json", 151) {
		key := ed25519.PublicKey(unhex(t, g.PublicKey.PK))
		if x := b64.EncodeToString(key); x != g.PublicKeyJWK.X {
			t.Errorf("%s: the key is %s, its JWK %s", g.Comment, x, g.PublicKeyJWK.X)
		}
		keys++
		for _, v := range g.Tests {
			signature, err := hex.DecodeString(v.Sig)
			if err != nil {
				t.Fatal(err)
			}
			if got := ed25519.Verify(key, unhex(t, v.Msg), signature); got != (v.Result == "valid") {
				t.Errorf("tc %d %v: verified = %t, marked %s", v.ID, v.Flags, got, v.Result)
			}
		}
	}
	if keys != 78 {
		t.Errorf("%d keys, want 78", keys)
	}
}

// The same signatures at the end of a good token's input, with the vectors'
// keys in the key set: every key is accepted, and no signature of something
// else.
func TestWycheproofEd25519InTokens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var set []string
	var tokens []string
	for _, g := range wycheproof(t, "ed25519_test.json", 151) {
		kid := fmt.Sprintf("group-%d", len(set))
		set = append(set, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, g.PublicKeyJWK.X))
		for _, v := range g.Tests {
			input, _ := cutLast(l.Token(authtest.Header("kid", kid)))
			tokens = append(tokens, input+"."+b64.EncodeToString(unhex(t, v.Sig)))
		}
	}
	l.SetJWKS([]byte(`{"keys":[` + strings.Join(set, ",") + `]}`))
	l.auth = l.newClient(nil)
	for i, token := range tokens {
		want := client.ErrSignature
		if _, signature := cutLast(token); len(signature) != 86 {
			want = client.ErrMalformed
		}
		refused(t, l.auth, token, want)
		if t.Failed() {
			t.Fatalf("vector %d", i+1)
		}
	}
	if n := l.auth.Stats().Issuers[0].Keys; n != len(set) {
		t.Errorf("%d of %d keys loaded", n, len(set))
	}
}

// A11: none of the 401 JWS is EdDSA, so none goes in, in either mode.
func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, g := range wycheproof(t, "json_web_signature_test.json", 401) {
		for _, v := range g.Tests {
			text, want := jws(v.JWS), client.ErrMalformed
			if text == "" {
				want = client.ErrNoToken
			}
			t.Run(fmt.Sprintf("tc %d %s", v.ID, v.Comment), func(t *testing.T) {
				refused(t, l.auth, text, want)
				before := l.ValidateRequests()
				refused(t, l.remote, text, want)
				if l.ValidateRequests() != before {
					t.Error("the auth server was asked")
				}
			})
		}
	}
}

// The structural groups of the JWS file, with the same damage done to a token
// of our own: what they mark valid is the control. Their marks for 367 and 370
// (the same bytes as 357, which is valid) and for 372 and 373 (valid, with a
// MAC that does not verify) are errata.
func TestWycheproofStructureWithEdDSA(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	errata := map[int]string{367: "valid", 370: "valid", 372: "invalid", 373: "invalid"}
	n := 0
	for _, g := range wycheproof(t, "json_web_signature_test.json", 401) {
		if g.Comment != "hs256" && g.Comment != "base64" {
			continue
		}
		for _, v := range g.Tests {
			n++
			t.Run(fmt.Sprintf("tc %d %s", v.ID, v.Comment), func(t *testing.T) {
				text := l.rekey(t, jws(v.JWS), g.Tests[0].JWS, v.ID)
				if mark := errata[v.ID]; mark == "valid" || mark == "" && v.Result == "valid" {
					l.wantOK(text)
				} else if user, err := l.auth.Verify(t.Context(), text); err == nil {
					t.Errorf("accepted: %+v", user)
				}
			})
		}
	}
	if n != 17+21 {
		t.Errorf("%d vectors, want 38", n)
	}
}

// rekey builds of vector what it would be had a token of ours been its group's
// first: each part that is that one's becomes ours, what was put into a part
// is put into ours, and a text that was signed with its damage is signed again.
func (l *lab) rekey(t *testing.T, vector string, first json.RawMessage, id int) string {
	t.Helper()
	ours := strings.Split(l.Token(), ".")
	theirs := strings.Split(jws(first), ".")
	if strings.HasPrefix(vector, "{") { // 17
		for n := range ours {
			vector = strings.ReplaceAll(vector, `"`+theirs[n]+`"`, `"`+ours[n]+`"`)
		}
		return vector
	}
	switch id {
	case 8: // another header
		return l.swapKid(ours)
	case 16:
		return l.Token(authtest.AlgNone())
	case 376, 377: // white space in the header, signed
		space := map[int]string{376: " ", 377: "\n\t"}[id]
		return l.Sign([]byte(strings.ReplaceAll(l.header, ",", ","+space)), []byte(l.payload))
	case 374, 375: // bits of the payload that no byte needs, signed
		return l.SignInput(strings.Join([]string{ours[0], unused(t, l.payload)}, "."))
	}
	parts := strings.Split(vector, ".")
	for n := range parts {
		if n < 3 {
			parts[n] = rekeyPart(parts[n], theirs[n], ours[n])
		}
	}
	text := strings.Join(parts, ".")
	if signed := []int{365, 366, 368, 369, 371}; slices.Contains(signed, id) {
		return l.SignInput(parts[0] + "." + parts[1])
	}
	return text
}

// rekeyPart carries the difference of part from theirs over to ours.
func rekeyPart(part, theirs, ours string) string {
	switch {
	case part == "" || part == theirs:
		return strings.Replace(part, theirs, ours, 1)
	case strings.Contains(part, theirs): // something before or behind
		return strings.Replace(part, theirs, ours, 1)
	case strings.Contains(part, "?"): // something in the place of a character
		at := strings.IndexByte(part, '?')
		return ours[:at] + strings.Repeat("?", strings.Count(part, "?")) + ours[at+strings.Count(part, "?"):]
	case len(part) == len(theirs) && part[2:] == theirs[2:]: // another beginning
		if ours[0] == 'A' {
			return "B" + ours[1:]
		}
		return "A" + ours[1:]
	}
	return ours // another message or MAC, as good as ours
}

func (l *lab) swapKid(ours []string) string {
	header := strings.Replace(l.header, `"kid":"`, `"kid":"X`, 1)
	return b64.EncodeToString([]byte(header)) + "." + ours[1] + "." + ours[2]
}

// unused encodes payload with the bits set that no byte needs.
func unused(t *testing.T, payload string) string {
	t.Helper()
	for len(payload)%3 == 0 {
		payload += " "
	}
	text := b64.EncodeToString([]byte(payload))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + alphabet[last+1:last+2]
}

// B38 to B42: no key of the 26 sets is one for us, so none of the sets is
// taken, those marked valid included, and their tokens are refused. The marks
// themselves are followed by TestWycheproofJWKWithEdDSA.
func TestWycheproofJWK(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, g := range wycheproof(t, "json_web_key_test.json", 26) {
		for _, document := range []json.RawMessage{g.Public, g.Private} {
			if document == nil {
				continue
			}
			l.SetJWKS(document)
			auth := l.newClient(nil)
			if user, err := auth.Verify(t.Context(), l.Token()); err == nil {
				t.Errorf("%s: accepted %+v", g.Comment, user)
			}
			if n := auth.Stats().Issuers[0].Keys; n != 0 {
				t.Errorf("%s: %d keys loaded", g.Comment, n)
			}
			for _, v := range g.Tests {
				refused(t, auth, jws(v.JWS), client.ErrMalformed)
			}
		}
	}
}

// The flaws that the JWK file marks, put into Ed25519 keys: the set is taken
// as it is marked. What is weak about an RSA key or an AES key has no
// counterpart.
func TestWycheproofJWKWithEdDSA(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	good := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q}`, l.Kids()[0], b64.EncodeToString(l.PublicKey(l.Kids()[0])))
	swap := func(old, new string) string { return l.replace(good, old, new) }
	for name, c := range map[string]struct {
		keys string
		ok   bool
	}{
		"tc 1, a mixed set: the symmetric key is refused":   {good + `,{"kty":"oct","alg":"HS256","kid":"h","k":"AAAA"}`, true},
		"tc 1, a mixed set: with our kid":                   {`{"kty":"oct","alg":"HS256","kid":"` + l.Kids()[0] + `","k":"AAAA"}`, false},
		"tc 2, two keys":                                    {good + "," + strings.Replace(good, l.Kids()[0], "second", 1), true},
		"tc 4, duplicate kid":                               {good + "," + good, false},
		"tc 6, wrong use":                                   {swap(`"use":"sig"`, `"use":"enc"`), false},
		"tc 19, 20, wrong alg":                              {swap(`"EdDSA"`, `"ES256"`), false},
		"tc 21, invalid use":                                {swap(`"use":"sig"`, `"use":"SIG"`), false},
		"tc 22, invalid point":                              {swap(`"x":"`, `"x":"`+strings.Repeat("_", 43)+`","y":"`), false},
		"tc 23, wrong curve":                                {swap("Ed25519", "P-256"), false},
		"tc 24, wrong kty":                                  {swap("OKP", "EC"), false},
		"tc 5, 13, valid":                                   {good, true},
		"tc 16, an empty key":                               {swap(`"x":"`, `"x":"","y":"`), false},
		"tc 10, a short key":                                {swap(`"x":"`, `"x":"AAAA","y":"`), false},
		"tc 8, a longer key":                                {swap(`"x":"`, `"x":"AAAA`), false},
		"tc 25, a key of another purpose: alg of key wraps": {swap(`"EdDSA"`, `"A128KW"`), false},
	} {
		l.SetJWKS([]byte(`{"keys":[` + c.keys + `]}`))
		if _, err := l.newClient(nil).Verify(t.Context(), l.Token()); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A18 and A19: of the twelve cases crypto/ed25519 verifies 0 to 3 and 11. The
// key set keeps 0, 1 and 11 out; 2 and 3 are of keys that are not of small
// order, made by who has the secret.
func TestSpeccheck(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Message, Signature string
		Key                string `json:"pub_key"`
	}
	load(t, "ed25519-speccheck/cases.json", &cases)
	verified := []bool{0: true, 1: true, 2: true, 3: true, 11: true}
	weak := []bool{0: true, 1: true, 10: true, 11: true}
	if len(cases) != len(verified) {
		t.Fatalf("%d cases, want %d", len(cases), len(verified))
	}
	l := newLab(t)
	for i, c := range cases {
		key := unhex(t, c.Key)
		if got := ed25519.Verify(key, unhex(t, c.Message), unhex(t, c.Signature)); got != verified[i] {
			t.Errorf("case %d: verified = %t", i, got)
		}
		l.SetJWKS(fmt.Appendf(nil, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":%q}]}`, b64.EncodeToString(key)))
		auth := l.newClient(nil)
		_, err := auth.Verify(t.Context(), l.Token(authtest.Header("kid", "k")))
		if refused := auth.Stats().Issuers[0].Keys == 0; err == nil || refused != (i < len(weak) && weak[i]) {
			t.Errorf("case %d: key refused = %t, %v", i, refused, err)
		}
	}
}

// RFC 8037 appendix A: the key loads, the private one doesn't, the signature
// is reproduced byte by byte, and the JWS, whose payload is no claims set, is
// no token.
func TestRFC8037(t *testing.T) {
	t.Parallel()
	var a struct {
		Private    struct{ D, X string } `json:"a1_private_jwk"`
		Public     struct{ X string }    `json:"a2_public_jwk"`
		Thumbprint string                `json:"a3_thumbprint_sha256"`
		JWS        string                `json:"a4_a5_compact_jws"`
	}
	load(t, "rfc8037/appendix-a.json", &a)
	seed, err := b64.DecodeString(a.Private.D)
	if err != nil {
		t.Fatal(err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if x := b64.EncodeToString(private.Public().(ed25519.PublicKey)); x != a.Public.X {
		t.Errorf("A.1, A.2: x is %s, want %s", x, a.Public.X)
	}
	input, signature := cutLast(a.JWS)
	if got := b64.EncodeToString(ed25519.Sign(private, []byte(input))); got != signature {
		t.Errorf("A.4: signature is %s, want %s", got, signature)
	}
	if raw, err := b64.DecodeString(signature); err != nil || !ed25519.Verify(private.Public().(ed25519.PublicKey), []byte(input), raw) {
		t.Errorf("A.5: the signature does not verify (%v)", err)
	}
	l := newLab(t)
	l.AddJWK(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, a.Thumbprint, a.Public.X))
	l.AddJWK(fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"private","x":%q,"d":%q}`, a.Private.X, a.Private.D))
	l.auth = l.newClient(nil)
	l.wantOK(l.Token(authtest.SignedBy(private), authtest.Header("kid", a.Thumbprint)))
	refused(t, l.auth, l.Token(authtest.SignedBy(private), authtest.Header("kid", "private")), client.ErrUnknownKey)
	refused(t, l.auth, a.JWS, client.ErrMalformed)
	refused(t, l.auth, l.Token(authtest.SignedBy(private), authtest.Header("kid", a.Thumbprint), authtest.RawPayload([]byte("Example of Ed25519 signing"))), client.ErrMalformed)
}
