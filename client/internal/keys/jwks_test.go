package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/client/internal/token"
)

// x1 and x2 are good public keys: RFC 8037 appendix A.2, and the base point.
const (
	x1 = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	x2 = "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"
)

func jwkOf(kid, x string) string {
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, x)
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// B13, B19 and B39 to B43: which JWK is a key. Each stands beside a good one,
// which it never spoils.
func TestJWK(t *testing.T) {
	t.Parallel()
	good := jwkOf("k", x2)
	with := func(member string) string { return strings.TrimSuffix(good, "}") + "," + member + "}" }
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct {
		name, jwk       string
		usable, private bool
	}{
		{"plain", good, true, false},
		{"use sig", with(`"use":"sig"`), true, false},
		{"alg EdDSA", with(`"alg":"EdDSA"`), true, false},
		{"key_ops verify", with(`"key_ops":["verify"]`), true, false},
		{"B41 key_ops verify among others", with(`"key_ops":["sign","verify"]`), true, false},
		{"an unknown member", with(`"https://example.com":{"d":"x"}`), true, false},
		{"x5c beside", with(`"x5c":["MIIB"]`), true, false},
		{"D beside", with(`"D":"x"`), true, false}, // names are case-sensitive
		{"kid of 128 characters", swap(`"k"`, `"`+strings.Repeat("k", 128)+`"`), true, false},

		{"A13 Ed448", swap("Ed25519", "Ed448"), false, false},
		{"A13 X25519", swap("Ed25519", "X25519"), false, false},
		{"B33 kid of another type", swap(`"k"`, "5"), false, false},
		{"B33 kid null", swap(`"k"`, "null"), false, false},
		{"B34 no kid", swap(`"kid"`, `"id"`), false, false},
		{"B35 kid empty", swap(`"k"`, `""`), false, false},
		{"B35 kid with a space", swap(`"k"`, `"k k"`), false, false},
		{"B35 kid of 129 characters", swap(`"k"`, `"`+strings.Repeat("k", 129)+`"`), false, false},
		{"B39 oct", `{"kty":"oct","kid":"k","k":"AAAA"}`, false, true},
		{"B39 an OKP key with k", with(`"k":"AAAA"`), false, true},
		{"B40 d", with(`"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`), false, true},
		{"B40 d empty", with(`"d":""`), false, true},
		{"S9 d null", with(`"d":null`), true, false},
		{"S9 every optional member null", with(`"d":null,"k":null,"p":null,"use":null,"alg":null,"key_ops":null,"x5c":null`), true, false},
		{"S9 k of another type", with(`"k":0`), false, true},
		{"S9 kid null", `{"kty":"OKP","crv":"Ed25519","kid":null,"x":"` + x1 + `"}`, false, false},
		{"B40 RSA private", `{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB","d":"AQAB","p":"AQAB"}`, false, true},
		{"B41 use enc", with(`"use":"enc"`), false, false},
		{"B41 use empty", with(`"use":""`), false, false},
		{"B41 use SIG", with(`"use":"SIG"`), false, false},
		{"B41 use of another type", with(`"use":["sig"]`), false, false},
		{"B41 key_ops encrypt", with(`"key_ops":["encrypt"]`), false, false},
		{"B41 key_ops sign", with(`"key_ops":["sign"]`), false, false},
		{"B41 key_ops empty", with(`"key_ops":[]`), false, false},
		{"B41 key_ops no array", with(`"key_ops":"verify"`), false, false},
		{"B41 alg RS256", with(`"alg":"RS256"`), false, false},
		{"B41 alg none", with(`"alg":"none"`), false, false},
		{"B41 alg empty", with(`"alg":""`), false, false},
		{"B41 alg eddsa", with(`"alg":"eddsa"`), false, false},
		{"A12 alg Ed25519", with(`"alg":"Ed25519"`), false, false},
		{"B42 EC with the curve", swap("OKP", "EC"), false, false},
		{"B42 P-256", swap("Ed25519", "P-256"), false, false},
		{"B42 RSA", `{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"}`, false, false},
		{"B42 AKP", swap("OKP", "AKP"), false, false},
		{"B42 kty in lower case", swap("OKP", "okp"), false, false},
		{"B42 crv in lower case", swap("Ed25519", "ed25519"), false, false},
		{"B42 no kty", swap(`"kty"`, `"KTY"`), false, false},
		{"B42 no crv", swap(`"crv"`, `"curve"`), false, false},
		{"B43 no x", swap(`"x"`, `"X"`), false, false},
		{"B43 x empty", swap(x2, ""), false, false},
		{"B43 x of another type", swap(`"`+x2+`"`, "5"), false, false},
		{"B43 31 bytes", swap(x2, base64.RawURLEncoding.EncodeToString(make([]byte, 31))), false, false},
		{"B43 33 bytes", swap(x2, x2+"ZmY"), false, false},
		{"B43 64 bytes", swap(x2, base64.RawURLEncoding.EncodeToString(make([]byte, 64))), false, false},
		{"B43 padded", swap(x2, x2+"="), false, false},
		{"B43 the standard alphabet", jwkOf("k", strings.Replace(x1, "_", "/", 1)), false, false},
		{"B43 trailing bits", swap(x2, x2[:42]+"Z"), false, false},
		{"B43 a line feed inside", swap(x2, x2[:10]+`\n`+x2[10:]), false, false},
		{"B43 a line end behind", swap(x2, x2+`\r\n`), false, false},
		{"B43 in hexadecimal", swap(x2, "58"+strings.Repeat("66", 31)), false, false},
		{"B19 no point of the curve", swap(x2, base64.RawURLEncoding.EncodeToString(append([]byte{2}, make([]byte, 31)...))), false, false},
		{"no object", `"k"`, false, false},
		{"null", "null", false, false},
		{"an array", "[]", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := parse([]byte(setOf(c.jwk, jwkOf("beside", x1))))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(doc.keys); doc.keys["beside"] == nil || n != 1+btoi(c.usable) || doc.skipped != 2-n || doc.private != c.private {
				t.Errorf("%d keys, %d passed over, private = %t", n, doc.skipped, doc.private)
			}
			doc, err = parse([]byte(setOf(c.jwk)))
			if c.usable != (err == nil) || !c.usable && !errors.Is(err, errNoKey) {
				t.Errorf("alone: %d keys, %v", len(doc.keys), err)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// B38, B44 and H122: which document is a key set.
func TestDocument(t *testing.T) {
	t.Parallel()
	a, b := jwkOf("a", x1), jwkOf("b", x2)
	many := func(n int) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = jwkOf(fmt.Sprint(i), x1)
		}
		return setOf(keys...)
	}
	for _, c := range []struct {
		name, text string
		kids       []string
		err        error
	}{
		{"two keys", setOf(a, b), []string{"a", "b"}, nil},
		{"one key under two kids", setOf(a, jwkOf("c", x1)), []string{"a", "c"}, nil},
		{"unknown members", `{"issuer":"x","keys":[` + a + `],"next":null}`, []string{"a"}, nil},
		{"B38 one kid, two keys", setOf(jwkOf("a", x1), jwkOf("a", x2), b), []string{"b"}, nil},
		{"B38 one kid, one key twice", setOf(a, a, b), []string{"b"}, nil},
		{"B38 one kid, three times", setOf(a, a, a, b), []string{"b"}, nil},
		{"B38 nothing else", setOf(a, a), nil, errNoKey},
		{"H149 no keys", `{"keys":[]}`, nil, errNoKey},
		{"H149 no keys member", `{}`, nil, errNoKey},
		{"H149 keys null", `{"keys":null}`, nil, errNoKey},
		{"H149 KEYS", `{"KEYS":[` + a + `]}`, nil, errNoKey},
		{"H149 keys an object", `{"keys":{"a":` + a + `}}`, nil, errDocument},
		{"H149 keys a string", `{"keys":"a"}`, nil, errDocument},
		{"H149 a key alone", a, nil, errNoKey},
		{"H149 an array", "[" + a + "]", nil, errDocument},
		{"H149 null", "null", nil, errNoKey},
		{"H149 nothing", "", nil, errDocument},
		{"H149 half of it", setOf(a, b)[:100], nil, errDocument},
		{"H149 HTML", "<!doctype html><title>keys</title>", nil, errDocument},
		{"H149 a BOM", "\xef\xbb\xbf" + setOf(a), nil, errDocument},
		{"B44 keys twice", `{"keys":[],"keys":[` + a + `]}`, nil, errDocument},
		{"B44 x twice", setOf(strings.Replace(a, "{", `{"x":"AAAA",`, 1), b), nil, errDocument},
		{"B44 kid twice, once escaped", setOf(strings.Replace(a, "{", `{"\u006bid":"b",`, 1), b), nil, errDocument},
		{"B44 twice in an unknown member", `{"keys":[` + a + `],"x":{"y":1,"y":1}}`, nil, errDocument},
		{"B44 invalid UTF-8", `{"keys":[` + a + `],"x":"` + "\xff" + `"}`, nil, errDocument},
		{"B44 data behind it", setOf(a) + "x", nil, errDocument},
		{"B44 a comment", setOf(a) + "// x", nil, errDocument},
		{"B44 a trailing comma", `{"keys":[` + a + `,]}`, nil, errDocument},
		{"H122 as many keys as may be", many(maxKeys), numbers(maxKeys), nil},
		{"H122 one more", many(maxKeys + 1), nil, errTooMany},
		{"H122 100 000 keys that are none", `{"keys":[0` + strings.Repeat(",0", 99_999) + `]}`, nil, errTooMany},
		{"C72 nesting", `{"keys":[` + a + `],"x":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`, nil, errDocument},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := parse([]byte(c.text))
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if diff := cmp.Diff(c.kids, slices.Sorted(maps.Keys(doc.keys))); diff != "" {
				t.Errorf("kids (-want +got):\n%s", diff)
			}
		})
	}
}

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(i)
	}
	slices.Sort(all)
	return all
}

// A19: the eight points of small order in every encoding that decoders take,
// and the canonical and other encodings of points that are of none.
func TestPoints(t *testing.T) {
	t.Parallel()
	refused := map[string]bool{}
	for _, p := range []string{ // y of a point of small order, little endian, without the sign
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p, for 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p+1, for 1
	} {
		y, err := hex.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []byte{0, 0x80} {
			y[31] = y[31]&0x7f | sign
			point, err := new(edwards25519.Point).SetBytes(y)
			if err != nil {
				t.Fatalf("%x: %v", y, err)
			}
			if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) != 1 {
				t.Fatalf("%x is not of small order", y)
			}
			refused[string(y)] = true
		}
	}
	for y := range 19 { // y = p to p+18: not canonical
		for _, sign := range []byte{0, 0x80} {
			raw := slices.Repeat([]byte{0xff}, 32)
			raw[0], raw[31] = byte(0xed+y), 0x7f|sign
			refused[string(raw)] = true
		}
	}
	for raw := range refused {
		if key, ok := parsePoint(base64.RawURLEncoding.EncodeToString([]byte(raw))); ok {
			t.Errorf("%x is taken as %x", raw, key)
		}
	}
	for _, x := range []string{x1, x2} {
		if key, ok := parsePoint(x); !ok || base64.RawURLEncoding.EncodeToString(key) != x {
			t.Errorf("%s is taken as %x, %t", x, key, ok)
		}
	}
}

// Every accepted key is one point of the curve in its one encoding, no point
// of small order, and there are no more than maxKeys.
func FuzzJWKS(f *testing.F) {
	for _, seed := range []string{
		setOf(jwkOf("a", x1), jwkOf("b", x2)), setOf(jwkOf("a", x1), jwkOf("a", x2)), setOf(`{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"}`, jwkOf("a", x1)),
		setOf(jwkOf("a", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), setOf(jwkOf("a", "7P______________________________________9_")), setOf(jwkOf("a", "7v______________________________________9_")),
		`{"keys":[]}`, `{"keys":null}`, `{}`, `[]`, `{"keys":[],"keys":[]}`, setOf(`{"kty":"OKP","crv":"Ed25519","kid":"a","x":"` + x1 + `","d":"AAAA"}`),
		setOf(`{"kty":"OKP","crv":"Ed25519","kid":"a","x":"` + x1 + `","use":"sig","alg":"EdDSA","key_ops":["verify"]}`), `{"keys":[0` + strings.Repeat(",0", maxKeys) + `]}`, "\xff", "<html>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parse(data)
		if (err == nil) != (len(doc.keys) > 0) {
			t.Fatalf("%d keys, %v", len(doc.keys), err)
		}
		if len(doc.keys)+doc.skipped > maxKeys {
			t.Fatalf("%d keys and %d passed over", len(doc.keys), doc.skipped)
		}
		for kid, key := range doc.keys {
			if !token.ValidKid(kid) || len(key) != ed25519.PublicKeySize {
				t.Fatalf("kid %q, key %x", kid, key)
			}
			point, err := new(edwards25519.Point).SetBytes(key)
			if err != nil || string(point.Bytes()) != string(key) {
				t.Fatalf("key %x is no canonical point (%v)", key, err)
			}
			order8 := edwards25519.NewIdentityPoint()
			for range 8 {
				order8.Add(order8, point)
			}
			if order8.Equal(edwards25519.NewIdentityPoint()) == 1 {
				t.Fatalf("key %x is of small order", key)
			}
		}
	})
}
