package token

import (
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/manacore/manacore-go/client/internal/fault"
)

var policy = &Policy{
	MaxBytes: 8192, Types: []string{"JWT", "at+jwt"}, Leeway: 10 * time.Second, MaxLifetime: 24 * time.Hour,
	Required: []string{"email", "role"},
}

const (
	goodHeader = `{"alg":"EdDSA","kid":"k1"}`
	goodClaims = `{"iss":"manacore","sub":"alice","aud":["manacore","b"],"exp":1767323945.5,"nbf":1,"iat":1767323045,"email":"a@example.com","role":"user","sid":"s1","x":{"y":[1,null]}}`
)

func compact(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode(make([]byte, 64))
}

// A token that reads has one text: that of its three parts' bytes. What does
// not is refused for a reason whose text was fixed before.
func FuzzToken(f *testing.F) {
	good := compact(goodHeader, goodClaims)
	for _, seed := range []string{
		good, "", ".", "..", "...", good + "=", good + "\n", good + ".", " " + good, strings.Replace(good, ".", "..", 1),
		good[:len(good)-1] + "B", strings.Repeat(".", 9000), strings.Repeat("a", 8193), compact("[]", "[]"), compact("", ""),
		compact(`{"alg":"none","kid":"k1"}`, goodClaims), compact(goodHeader, `{"sub":"\ud800"}`), compact(goodHeader+"\n", goodClaims),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Read(text, policy)
		if err != nil {
			mustBeReason(t, err)
			return
		}
		if len(text) > policy.MaxBytes {
			t.Fatalf("read %d bytes", len(text))
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 {
			t.Fatalf("read %d parts", len(parts))
		}
		for _, part := range parts {
			raw, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
				t.Fatalf("read %q, which is not the text of %q (%v)", part, raw, err)
			}
		}
		if string(token.signed)+"."+base64.RawURLEncoding.EncodeToString(token.signature) != text {
			t.Fatal("signed and signature are not the whole token")
		}
	})
}

// An accepted header says EdDSA and a valid kid to any reader, and carries
// nothing that steers a verification.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		goodHeader, `{"alg":"EdDSA","kid":"k1","typ":"application/at+jwt"}`, `{"alg":"none","alg":"EdDSA","kid":"k1"}`, `{"\u0061lg":"EdDSA","kid":"k1"}`,
		`{"alg":"EdDSA","kid":"k1","crit":["exp"]}`, `{"alg":"EdDSA","kid":"k1","jwk":{}}`, `{"ALG":"EdDSA","kid":"k1"}`, `{"alg":"EdDSA","kid":null}`,
		`{"alg":"EdDSA","kid":"k1","x":1e400}`, `{"alg":"EdDSA","kid":"k1"}x`, "\xef\xbb\xbf" + goodHeader, `{"alg":"EdDSA","kid":"k1","x":` + strings.Repeat("[", 40),
		"{", "null", "", `{"alg":"EdDSA","kid":"k1","typ":"JWT","\u212aid":"k2"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var h header
		err := new(reader).read(data, string(data), &h)
		if err == nil {
			err = h.check(policy.Types)
		}
		if err != nil {
			mustBeReason(t, err)
			return
		}
		var other map[string]any
		if err := stdjson.Unmarshal(data, &other); err != nil {
			t.Fatalf("accepted %q, which is no JSON: %v", data, err)
		}
		if other["alg"] != "EdDSA" || other["kid"] != h.kid || !ValidKid(h.kid) {
			t.Fatalf("accepted %q with alg %v and kid %v, read as %q", data, other["alg"], other["kid"], h.kid)
		}
		if typ, ok := other["typ"]; ok != h.hasTyp || ok && typ != h.typ {
			t.Fatalf("accepted %q with typ %v, read as %q", data, typ, h.typ)
		}
		for name := range other {
			if slices.ContainsFunc(params[paramTyp+1:], func(p string) bool { return strings.EqualFold(p, name) }) {
				t.Fatalf("accepted the parameter %q", name)
			}
		}
	})
}

// Accepted claims are clean text and times of four-digit years, and another
// reader finds the same in them.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		goodClaims, `{"sub":"alice","sub":"admin"}`, `{"sub":"u\ud800"}`, "{\"sub\":\"u\xff\"}", `{"SUB":"admin"}`, `{"sub":"a\u0000"}`, `{"sub":"a\u2028"}`,
		`{"exp":1e400}`, `{"exp":-0}`, `{"exp":253402300799}`, `{"exp":253402300799.9}`, `{"exp":"1"}`, `{"aud":["a",1]}`, `{"aud":[]}`, `{"aud":"a"}`, `{"iat":0.1,"nbf":1e9}`,
		`{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, `{"x":1E1000000}`, `{"nonce":"n"}`, `{"type":"refresh"}`, `{"client_id":"c","azp":"c","sub":"c"}`, `{}`, `[]`, `{"sub":"\"\\\/\b"}`,
		`{"sub":"\ud83d\ude00"}`, `{"sub":""}`, `{"sessionId":"s","sid":""}`, `{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadClaims(data)
		if err != nil {
			mustBeReason(t, err)
			return
		}
		var other map[string]any
		if err := stdjson.Unmarshal(data, &other); err != nil {
			t.Fatalf("accepted %q, which is no JSON: %v", data, err)
		}
		for name, got := range map[string]string{"iss": c.Issuer, "sub": c.Subject, "email": c.Email, "role": c.Role, "sid": c.sid, "sessionId": c.sessionID} {
			if want, _ := other[name].(string); got != want {
				t.Fatalf("%s is read as %q, by another as %v", name, got, other[name])
			}
		}
		for _, text := range append([]string{c.Issuer, c.Subject, c.Email, c.Role, c.Session(), c.clientID, c.azp}, c.Audiences...) {
			if !utf8.ValidString(text) || len(text) > maxText || strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsAny(text, "\u2028\u2029\u202e") {
				t.Fatalf("accepted the text %q", text)
			}
		}
		for name, at := range map[string]time.Time{"exp": c.Expires, "nbf": c.NotBefore, "iat": c.IssuedAt} {
			number, ok := other[name].(float64)
			if ok == at.IsZero() {
				t.Fatalf("%s is read as %s, by another as %v", name, at, other[name])
			}
			if ok && (at.Unix() != int64(number) || at.Unix() < 0 || at.Year() > 9999) {
				t.Fatalf("%s is read as %s, by another as %v", name, at, number)
			}
		}
		switch aud := other["aud"].(type) {
		case nil:
			if c.Audiences != nil {
				t.Fatalf("aud is read as %q, and is not there", c.Audiences)
			}
		case string:
			if !slices.Equal(c.Audiences, []string{aud}) {
				t.Fatalf("aud is read as %q, by another as %q", c.Audiences, aud)
			}
		case []any:
			if !slices.EqualFunc(c.Audiences, aud, func(a string, b any) bool { return a == b }) {
				t.Fatalf("aud is read as %q, by another as %v", c.Audiences, aud)
			}
		default:
			t.Fatalf("accepted aud %v", aud)
		}
	})
}

func mustBeReason(t *testing.T, err error) {
	t.Helper()
	if _, ok := err.(*fault.Reason); !ok || !errors.Is(err, fault.ErrMalformed) && !errors.Is(err, fault.ErrClaims) {
		t.Fatalf("refused with %T %v", err, err)
	}
}
