package client_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
)

// Section C, one name twice, and a name in another case.
func TestMemberNames(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	kid := l.Kids()[0]
	header := func(name, json string) attack {
		return attack{name: name, claim: authtest.RawHeader([]byte(json)), want: client.ErrMalformed}
	}
	claims := func(name, member string) attack {
		return attack{name: name + " " + member, claim: l.payloadWith(member), want: client.ErrMalformed}
	}
	l.refuse(t, []attack{
		header("C57 alg none, then EdDSA", `{"alg":"none","alg":"EdDSA","kid":"`+kid+`"}`),
		header("C57 alg EdDSA, then none", `{"alg":"EdDSA","alg":"none","kid":"`+kid+`"}`),
		header("C57 alg EdDSA twice", `{"alg":"EdDSA","alg":"EdDSA","kid":"`+kid+`"}`),
		header("C57 alg twice, once escaped", `{"alg":"EdDSA","\u0061lg":"none","kid":"`+kid+`"}`),
		header("C58 kid, then another", `{"alg":"EdDSA","kid":"`+kid+`","kid":"other"}`),
		header("C58 another kid, then this", `{"alg":"EdDSA","kid":"other","kid":"`+kid+`"}`),
		header("C58 kid twice, once escaped", `{"alg":"EdDSA","kid":"`+kid+`","k\u0069d":"other"}`),
		header("C58 typ twice", `{"alg":"EdDSA","typ":"JWT","typ":"JWT","kid":"`+kid+`"}`),
		header("C58 an unknown parameter twice", `{"alg":"EdDSA","x":1,"x":2,"kid":"`+kid+`"}`),
		header("C60 a nested parameter twice", `{"alg":"EdDSA","x":{"y":1,"y":2},"kid":"`+kid+`"}`),
		claims("C59", `"sub":"admin"`),
		claims("C59", `"sub":"alice"`),
		claims("C59", `"s\u0075b":"admin"`),
		claims("C59", `"exp":1767323946`),
		claims("C59", `"aud":"other"`),
		claims("C59", `"iss":"manacore"`),
		claims("C59", `"role":"admin"`),
		claims("C59", `"x":1,"x":1`),
		claims("C59", `"":1,"":2`),
		claims("C60", `"realm_access":{"roles":["user"],"roles":["admin"]}`),
		claims("C60", `"a":[{"b":{"c":1,"d":2,"c":3}}]`),
		claims("C60", `"a":[[[{"b":1,"\u0062":1}]]]`),
		claims("C62", `"SUB":"admin"`),
		claims("C62", `"Sub":"admin"`),
		claims("C62", `"\u017fub":"admin"`), // the long s folds to s
		claims("C62", `"Role":"admin"`),
		claims("C62", `"EXP":9999999999`),
		claims("C62", `"sessionid":"other"`),
		{name: "C62 EXP alone", claim: l.inPayload(`"exp"`, `"EXP"`), want: client.ErrMalformed},
		{name: "C62 Sub alone", claim: l.inPayload(`"sub"`, `"Sub"`), want: client.ErrMalformed},
		{name: "C62 ISS alone", claim: l.inPayload(`"iss"`, `"ISS"`), want: client.ErrMalformed},
		{name: "C62 Aud alone", claim: l.inPayload(`"aud"`, `"Aud"`), want: client.ErrMalformed},
		{name: "C62 sub with white space", claim: l.inPayload(`"sub"`, `"sub "`), want: client.ErrClaims},
		{name: "C62 sub with a NUL", claim: l.inPayload(`"sub"`, `"sub\u0000"`), want: client.ErrClaims},
	})
}

// Section C, what is no JSON object in UTF-8.
func TestJSONText(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	for part, good := range map[string]string{"header": l.header, "payload": l.payload} {
		for name, text := range badDocuments(good) {
			attacks = append(attacks, attack{name: name + " " + part, claim: raw(part, text), want: client.ErrMalformed})
		}
		for name, value := range badValues() {
			text := strings.TrimSuffix(good, "}") + `,"x":` + value + "}"
			attacks = append(attacks, attack{name: fmt.Sprintf("%s %s %.40q", name, part, value), claim: raw(part, []byte(text)), want: client.ErrMalformed})
		}
	}
	for _, value := range []string{"\"u\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", `"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800x"`, `"\udfff\ud800"`} {
		attacks = append(attacks,
			attack{name: fmt.Sprintf("C67 C68 sub %q", value), claim: l.inPayload(`"alice"`, value), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("C67 C68 kid %q", value), claim: l.inHeader(`"EdDSA","kid"`, `"EdDSA","x":`+value+`,"kid"`), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("C67 C68 a name of %q", value), claim: l.payloadWith(value + ":1"), want: client.ErrMalformed})
	}
	for _, space := range []string{" ", "\n", "\t\r"} {
		// Allowed around claims; around a header it is another signing input to
		// who keeps the object alone.
		attacks = append(attacks,
			attack{name: fmt.Sprintf("C64 %q before the header", space), claim: authtest.RawHeader([]byte(space + l.header)), want: client.ErrMalformed},
			attack{name: fmt.Sprintf("C64 %q behind the header", space), claim: authtest.RawHeader([]byte(l.header + space)), want: client.ErrMalformed})
		l.wantOK(l.Token(authtest.RawPayload([]byte(space + l.payload + space))))
	}
	l.refuse(t, attacks)
}

func raw(part string, text []byte) authtest.Claim {
	if part == "header" {
		return authtest.RawHeader(text)
	}
	return authtest.RawPayload(text)
}

// badDocuments are texts around, instead of or made from a good object.
func badDocuments(good string) map[string][]byte {
	wide := func(order func(b []byte, c uint16) []byte, bom bool) (out []byte) {
		units := utf16.Encode([]rune(good))
		if bom {
			units = append([]uint16{0xfeff}, units...)
		}
		for _, c := range units {
			out = order(out, c)
		}
		return out
	}
	big := func(b []byte, c uint16) []byte { return append(b, byte(c>>8), byte(c)) }
	little := func(b []byte, c uint16) []byte { return append(b, byte(c), byte(c>>8)) }
	utf32 := func(b []byte, c uint16) []byte { return append(b, byte(c), byte(c>>8), 0, 0) }
	docs := map[string][]byte{
		"C66 a BOM before the": []byte("\xef\xbb\xbf" + good), "C66 a BOM behind the": []byte(good + "\xef\xbb\xbf"),
		"C69 UTF-16BE": wide(big, false), "C69 UTF-16LE": wide(little, false), "C69 UTF-16BE with BOM": wide(big, true),
		"C69 UTF-16LE with BOM": wide(little, true), "C69 UTF-32LE": wide(utf32, false),
		"C71 single quotes":             bytes.ReplaceAll([]byte(good), []byte{'"'}, []byte{'\''}),
		"C71 no quotes":                 bytes.ReplaceAll([]byte(good), []byte{'"'}, nil),
		"C71 no-break space before the": []byte("\u00a0" + good), "C71 form feed before the": []byte("\f" + good),
		"C71 vertical tab behind the": []byte(good + "\v"), "C71 NUL behind the": []byte(good + "\x00"),
		"C71 line separator behind the": []byte(good + "\u2028"),
	}
	for i, tail := range []string{`{"alg":"none"}`, "xyz", "}", "]", ",", "{}", "null", "0", `""`, "//", "/**/", "#", ";", "\n" + good} {
		docs[fmt.Sprintf("C64 C65 data %d behind the", i)] = []byte(good + tail)
	}
	for _, head := range []string{"x", "//\n", "/**/", ",", "null", "[", ")]}',\n"} {
		docs[fmt.Sprintf("C64 C65 %q before the", head)] = []byte(head + good)
	}
	for _, top := range []string{"", " ", "[]", "null", `"x"`, "1", "true", "[" + good + "]", "{", "}", "[{}]", "{}}"} {
		docs[fmt.Sprintf("C70 %.12q for", top)] = []byte(top)
	}
	inside := strings.TrimSuffix(strings.TrimPrefix(good, "{"), "}")
	for _, doc := range []string{
		"{" + inside, inside + "}", inside, "{" + inside + ",}", "{," + inside + "}", "{" + inside + ",,\"x\":1}", "{" + inside + "]", "(" + inside + ")",
		"{" + inside + " \"x\":1}", "{" + inside + ",\"x\"}", "{" + inside + ",\"x\":}", "{" + inside + ",:1}", "{" + inside + ",x:1}", "{" + inside + ",'x':1}",
		"{" + inside + ",1:1}", "{" + inside + ",null:1}", "{" + inside + ",\"x\"::1}", "{" + inside + ",\"x\"=1}", "{" + inside + ",\"x\",1}", "{" + inside + ",\"x:1}",
		"{" + inside + ";\"x\":1}", "{" + inside + ",\"x\":1 2}", "{" + inside + ",\"x\":\"a\" \"b\"}", "{" + inside + ",[]:1}", "{" + inside + ",\"x\":1,}",
		"{" + inside + "/**/}", "{" + inside + "//\n}", "{" + inside + "#\n}", "{/**/" + inside + "}", "{" + inside + ",\"x\":1/**/}", "{" + inside + ",...}",
	} {
		docs[fmt.Sprintf("C71 %.4q…%.20q for", doc, strings.TrimPrefix(doc, "{"+inside))] = []byte(doc)
	}
	return docs
}

// badValues are texts that are no JSON value, and (72, 73) values that are
// refused all the same.
func badValues() map[string]string {
	values := map[string]string{}
	for _, v := range []string{
		// literals
		"NaN", "Infinity", "-Infinity", "undefined", "True", "FALSE", "nul", "nulll", "TRUE", "None", "nan", "inf", "yes", "true1", "tru\\u0065",
		// numbers
		"+1", "01", "-01", "00", "0x1", "0X1F", "0b1", "0o7", "1.", ".5", "-.5", "-", "+", "--1", "1e", "1e+", "1E-", "1.e1", "1.5e", "1_000", "1,5", "1'000",
		"0.1.2", "1e1.5", "-Inf", "1f", "1n", "0e", "2.e3", "-2.", "1 000", "\uff11", "1+2", "0.e1", ".e1", "- 1", "1a", "1-2", "-NaN", "1e5e5",
		// strings
		"'a'", "\"a", "a\"", "`a`", "\"\t\"", "\"\n\"", "\"\x00\"", "\"\x1f\"", `"\x41"`, `"\a"`, `"\0"`, `"\'"`, `"\u12"`, `"\u12G4"`, `"\U0041"`, `"\u{41}"`,
		`"\`, `"\u"`, `"\ `, "\"\\\t\"", `"a"b`, `"a""b"`, "\u201ca\u201d", `\"a"`, `"\u00A"`, "\"\\\x00\"", "\"a\r\nb\"", "@\"a\"", `\u0022a\u0022`,
		// arrays and objects
		"[", "]", "[1,]", "[,1]", "[1,,2]", "[,]", "[1 2]", "[1", "[1}", "[1:2]", "[\"a\":1]", "[1,2,]", "[-]", "[1,\n", "[*]", "[.]", "[...]", "[1]]", "(1)", "<1>",
		"{", "{a:1}", "{1:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\",1}", "{\"a\":1;}", "{\"a\":1]", "{'a':1}", "{\"a\":1 \"b\":2}", "{\"a\":1,,}",
		"{\"a\":1}}", "{\"a\":/*c*/1}", "{\"a\":1//c\n}", "{null:1}", "{[1]:1}", "{{}}", "{\"a\"::1}", "{:1}",
		// white space and comments
		"", " ", "1\u00a0", "\u20281", "1\f", "1\v", "1\u3000", "\ufeff1", "/*c*/1", "1/*c*/", "1//c\n", "1#c\n", "<!--c-->1", "1\x00", "\x1b1", "/1", "1/",
		"new Date()", "function(){}", "/a/", "=1", "$a", "%41", "&quot;a&quot;", "\\u0031", "Symbol", "b\"a\"", "r\"a\"",
	} {
		values[fmt.Sprintf("C71 value %d", len(values))] = v
	}
	nest := func(open, inner, shut string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
	}
	for _, n := range []int{32, 33, 100, 1000, 9000, 200_000} {
		values[fmt.Sprintf("C72 %d arrays", n)] = nest("[", "", "]", n)
		values[fmt.Sprintf("C72 %d objects", n)] = nest(`{"a":`, "1", "}", n)
		values[fmt.Sprintf("C72 %d arrays, open", n)] = strings.Repeat("[", n)
	}
	for _, n := range []string{strings.Repeat("9", 400), strings.Repeat("9", 5000), strings.Repeat("9", 10_000), "1E1000000", "-1e400", "1e309", "1" + strings.Repeat("0", 309), "1e99999999999999999999"} {
		values[fmt.Sprintf("C73 number of %d bytes, %.9s", len(n), n)] = n
	}
	return values
}

// The 188 files that no parser may accept, as header and as payload.
// JSON_TEST_SUITE names the folder test_parsing of the Go module
// github.com/nst/JSONTestSuite; .ci/run gets it.
func TestJSONTestSuite(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("JSON_TEST_SUITE")
	if dir == "" {
		t.Skip("JSON_TEST_SUITE is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "n_*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 188 {
		t.Fatalf("%d files, want 188", len(files))
	}
	l := newLab(t)
	var attacks []attack
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"header", "payload"} {
			attacks = append(attacks, attack{name: "C71 " + filepath.Base(file) + " " + part, claim: raw(part, text), want: client.ErrMalformed})
		}
	}
	l.refuse(t, attacks)
}

// Section C, control characters and what else breaks a line or turns its
// direction, wherever the text of a claim may end up in a log.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var attacks []attack
	for _, c := range []string{"\x00", "\r", "\n", "\x1b", "\t", "\b", "\x1f", "\x7f", "\u0080", "\u0085", "\u009b", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f"} {
		for _, name := range []string{"sub", "iss", "aud", "email", "role", "sid", "sessionId", "tier", "email_verified"} {
			for _, value := range []string{"a" + c + "b", c, "manacore" + c} {
				attacks = append(attacks, attack{name: fmt.Sprintf("C74 %s %q", name, value), claim: authtest.Set(name, value), want: client.ErrClaims})
			}
		}
	}
	for _, name := range []string{"sub", "email", "aud"} {
		// As they are, without an escape, they are no JSON.
		attacks = append(attacks, attack{name: "C74 a raw line feed in " + name, claim: l.inPayload(`"`+name+`":"`, `"`+name+`":"`+"\n"), want: client.ErrMalformed})
	}
	l.refuse(t, attacks)
}

// C76 and C77.
func TestNamesOfClaims(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	want := client.User{ID: "alice", Email: "alice@example.com", Role: "user", SessionID: "s1", ExpiresAt: epoch.Add(authtest.TokenLife)}
	for _, member := range []string{
		`"__proto__":{"role":"admin","sub":"admin"}`, `"constructor":{"prototype":{"role":"admin"}}`, `"toString":1`, `"hasOwnProperty":null`,
		`"":1`, `"\u0000":1`, `"a.sub":"admin"`, `"claims":{"sub":"admin"}`, `"roles":["admin"]`, `"userId":"admin"`,
	} {
		user, err := l.auth.Verify(t.Context(), l.Token(l.payloadWith(member)))
		if err != nil || user != want {
			t.Errorf("C76 %s: got %+v, %v", member, user, err)
		}
	}
	var many strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&many, `"c%d":0,`, i)
	}
	l.refuse(t, []attack{
		{name: "C77 300 000 claims", claim: l.inPayload("{", "{"+many.String()), want: client.ErrMalformed},
		{name: "C77 300 000 parameters", claim: l.inHeader("{", "{"+many.String()), want: client.ErrMalformed},
		{name: "C59 C77 the same claim 1000 times", claim: l.inPayload("{", "{"+strings.Repeat(`"c":0,`, 1000)), want: client.ErrMalformed},
	})
}
