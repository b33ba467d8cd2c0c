package middleware

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		token string
		err   error
	}{
		{"G125 none", nil, "", nil},
		{"G125 empty line", []string{""}, "", nil},
		{"G125 blank line", []string{" \t "}, "", nil},
		{"plain", []string{"Bearer tok"}, "tok", nil},
		{"G126 lower", []string{"bearer tok"}, "tok", nil},
		{"G126 upper", []string{"BEARER tok"}, "tok", nil},
		{"G126 mixed", []string{"bEaReR tok"}, "tok", nil},
		{"G127 letter beyond ASCII", []string{"Bearer\u017f tok"}, "", errScheme},
		{"G127 longer word", []string{"BearerX tok"}, "", errScheme},
		{"G127 comma", []string{"Bearer,tok"}, "", errNoScheme},
		{"G127 colon", []string{"Bearer: tok"}, "", errScheme},
		{"G127 equals", []string{"Bearer=tok"}, "", errNoScheme},
		{"G127 Token", []string{"Token tok"}, "", errScheme},
		{"G127 Basic", []string{"Basic YTpi"}, "", errScheme},
		{"G127 Basic of several words", []string{"Digest a=b, c=d"}, "", errScheme},
		{"G127 the bare token", []string{"aaa.bbb.ccc"}, "", errNoScheme},
		{"G127 no-break space", []string{"Bearer\u00a0tok"}, "", errNoScheme},
		{"G128 spaces", []string{"Bearer   tok"}, "tok", nil},
		{"G128 blanks around", []string{" \tBearer tok \t"}, "tok", nil},
		{"G128 tab", []string{"Bearer\ttok"}, "", errSeparator},
		{"G128 space then tab", []string{"Bearer \ttok"}, "", errExtraWord},
		{"G128 extra word", []string{"Bearer tok extra"}, "", errExtraWord},
		{"G128 extra word after a tab", []string{"Bearer tok\textra"}, "", errExtraWord},
		{"G128 second scheme", []string{"Bearer tok, Basic x"}, "", errExtraWord},
		{"G128 scheme twice", []string{"Bearer Bearer tok"}, "", errTwoSchemes},
		{"scheme twice, in another case", []string{"Bearer  bearer\ttok"}, "", errTwoSchemes},
		{"a token that begins with the scheme", []string{"Bearer Bearers tok"}, "", errExtraWord},
		{"G129 same", []string{"Bearer tok", "Bearer tok"}, "", errTwoHeaders},
		{"G129 different", []string{"Bearer tok", "Bearer kot"}, "", errTwoHeaders},
		{"G129 other scheme", []string{"Basic x", "Bearer tok"}, "", errTwoHeaders},
		{"G129 empty first", []string{"", "Bearer tok"}, "", errTwoHeaders},
		{"G133 no value", []string{"Bearer"}, "", errNoValue},
		{"G133 no value, space", []string{"bearer "}, "", errNoValue},
		{"G133 comma is the verifier's", []string{"Bearer a,b"}, "a,b", nil},
		{"G133 NUL is the verifier's", []string{"Bearer a\x00b"}, "a\x00b", nil},
		{"G133 JSON in one word is the verifier's", []string{`Bearer {"payload":"x"}`}, `{"payload":"x"}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, err := bearer(tt.lines)
			if token != tt.token || !errors.Is(err, tt.err) {
				t.Errorf("bearer(%q) = %q, %v; want %q, %v", tt.lines, token, err, tt.token, tt.err)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header http.Header
		token  string
		err    error
	}{
		{"none", http.Header{}, "", nil},
		{"one", http.Header{"Cookie": {"a=b; mana=tok; c=d"}}, "tok", nil},
		{"G132 another name", http.Header{"Cookie": {"manas=tok; xmana=tok; MANA=tok"}}, "", nil},
		{"empty", http.Header{"Cookie": {"mana="}}, "", nil},
		{"bad value stays a value", http.Header{"Cookie": {"mana=\"a\x7f"}}, "\"a\x7f", nil},
		{"S28 quoted", http.Header{"Cookie": {`a=b; mana="tok"`}}, "tok", nil},
		{"S28 quoted, with blanks around", http.Header{"Cookie": {`mana = "tok" ; a=b`}}, "tok", nil},
		{"S28 quotes and nothing between", http.Header{"Cookie": {`mana=""`}}, "", nil},
		{"one quote", http.Header{"Cookie": {`mana="`}}, `"`, nil},
		{"quotes within quotes", http.Header{"Cookie": {`mana=""tok""`}}, `"tok"`, nil},
		{"equals signs", http.Header{"Cookie": {"mana=a=b=="}}, "a=b==", nil},
		{"twice", http.Header{"Cookie": {"mana=a; mana=a"}}, "", errTwoCookies},
		{"twice, empty first", http.Header{"Cookie": {"mana=; mana=a"}}, "", errTwoCookies},
		{"on two lines", http.Header{"Cookie": {"mana=a", "mana=b"}}, "", errTwoCookies},
		{"and a header", http.Header{"Cookie": {"mana=a"}, "Authorization": {"Bearer a"}}, "", errTwoSources},
		{"and another scheme", http.Header{"Cookie": {"mana=a"}, "Authorization": {"Basic x"}}, "a", nil},
		{"and a header of one word", http.Header{"Cookie": {"mana=a"}, "Authorization": {"x"}}, "a", nil},
		{"empty, and another scheme", http.Header{"Cookie": {"mana="}, "Authorization": {"Basic x"}}, "", errScheme},
		{"twice, and another scheme", http.Header{"Cookie": {"mana=a; mana=b"}, "Authorization": {"Basic x"}}, "", errTwoCookies},
		{"and an empty bearer", http.Header{"Cookie": {"mana=a"}, "Authorization": {"Bearer"}}, "", errNoValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := New(oneToken, Cookie("mana"))
			token, err := g.token(&http.Request{Header: tt.header})
			if token != tt.token || !errors.Is(err, tt.err) {
				t.Errorf("token = %q, %v; want %q, %v", token, err, tt.token, tt.err)
			}
		})
	}
	t.Run("G132 not configured", func(t *testing.T) {
		t.Parallel()
		token, err := New(oneToken).token(&http.Request{Header: http.Header{"Cookie": {"token=a; access_token=a; mana=a"}}})
		if token != "" || err != nil {
			t.Errorf("token = %q, %v; want none", token, err)
		}
	})
}

// F115, F124: a header of a megabyte is looked through without a copy of it.
func TestBearerAllocatesNothing(t *testing.T) {
	for _, line := range []string{
		"Bearer " + strings.Repeat(".", 1<<20),
		"Bearer" + strings.Repeat(" ", 1<<20),
		strings.Repeat("Bearer ", 1<<17),
	} {
		lines := []string{line}
		if n := testing.AllocsPerRun(5, func() { _, _ = bearer(lines) }); n != 0 {
			t.Errorf("bearer(%.20q…) allocates %v times; want 0", line, n)
		}
	}
}

var bearerSyntax = regexp.MustCompile(`^[ \t]*(?i:bearer) +([^ \t]+)[ \t]*$`)

// FuzzAuthorization holds bearer to the grammar, written down a second time as
// an expression, and to the kinds of error that guards answer with.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer ", "Bearer tok", "bearer  tok ", "Bearer\ttok", "Bearer a b", "Bearer,a", "Basic x", "\t", "Bearer \x00", "BEARER ſ"} {
		f.Add(seed, false)
	}
	f.Add("Bearer a", true)
	f.Fuzz(func(t *testing.T, line string, twice bool) {
		lines := []string{line}
		if twice {
			lines = append(lines, line)
		}
		token, err := bearer(lines)
		if err != nil && token != "" {
			t.Fatalf("token %q beside error %v", token, err)
		}
		if err != nil && errors.Is(err, client.ErrBadRequest) == errors.Is(err, client.ErrUnauthenticated) {
			t.Fatalf("error of no kind, or of two: %v", err)
		}
		var want string
		if m := bearerSyntax.FindStringSubmatch(line); m != nil && !twice {
			want = m[1]
		}
		if token != want {
			t.Fatalf("bearer(%q) = %q; want %q", lines, token, want)
		}
	})
}
