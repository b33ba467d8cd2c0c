package form

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// TestV1Costly: what takes long to read is counted before the body is decoded.
// A small body is read whatever it is made of.
func TestV1Costly(t *testing.T) {
	const size = 100 << 10
	parse := func(body string) (token string, err error) {
		return token, Parse([]byte(body), []Field{ShortString("token", &token, size), Others})
	}
	for piece, costly := range map[string]int{
		`\/`: 2, `\n`: 2, `\\`: 2, `\"`: 2, `\u0041`: 2, `\ud83d\ude00`: 4, `x\/`: 2, `xxxxxxxxxxxxxxx\/`: 2,
		"é": 2, "€": 3, "😀": 4, "xé": 2, "\\é": 4, // of which the last is no JSON
	} {
		most := maxCostly / costly
		padding := strings.Repeat("x", SmallBody)
		for name, test := range map[string]struct {
			body string
			want bool
		}{
			"as many as may be":   {`{"token":"` + padding + strings.Repeat(piece, most) + `"}`, false},
			"one more":            {`{"token":"` + padding + strings.Repeat(piece, most+1) + `"}`, true},
			"one more, before":    {`{"token":"` + strings.Repeat(piece, most+1) + padding + `"}`, true},
			"in what is ignored":  {`{"token":"x","other":"` + strings.Repeat(piece, size/len(piece)) + `"}`, true},
			"in a name":           {`{"` + strings.Repeat(piece, size/len(piece)) + `":1}`, true},
			"in a small body":     {`{"token":"` + strings.Repeat(piece, (SmallBody-12)/len(piece)) + `"}`, false},
			"and it has no end":   {`{"token":"` + strings.Repeat(piece, size/len(piece)), true},
			"and it ends with it": {padding + `\`, false},
		} {
			if _, err := parse(test.body); errors.Is(err, ErrCostly) != test.want {
				t.Errorf("%q, %s: %v", piece, name, err)
			}
		}
		body := []byte(`{"token":"` + strings.Repeat(piece, size/len(piece)) + `"}`)
		if n := testing.AllocsPerRun(10, func() { _ = Parse(body, nil) }); n > 0 {
			t.Errorf("%q: %v allocations before it is refused", piece, n)
		}
	}
	if token, err := parse(`{"token":"` + strings.Repeat(`\u0041`, maxCostly/2) + `"}`); err != nil || token != strings.Repeat("A", maxCostly/2) {
		t.Errorf("as many escapes as may be: %d bytes, %v", len(token), err)
	}
}

// TestV1ShortString: what is too long for any spelling of a short string is not
// decoded.
func TestV1ShortString(t *testing.T) {
	t.Parallel()
	const most = 8 << 10
	x := strings.Repeat("x", most)
	for name, test := range map[string]struct{ sent, want string }{
		"as long as may be":                  {x, x},
		"one byte more":                      {x + "y", x + "y"},
		"much longer":                        {x + x, x + "x"},
		"as long as may be, in escapes":      {strings.Repeat(`\u0078`, most), x},
		"one more escape":                    {strings.Repeat(`\u0078`, most+1), strings.Repeat(`\u0078`, most)[:most+1]},
		"short escapes":                      {strings.Repeat(`\/`, most), strings.Repeat("/", most)},
		"pairs":                              {strings.Repeat(`\ud83d\ude00`, most/4), strings.Repeat("😀", most/4)},
		"too many bytes beside some escapes": {`\/` + x + "xxxx", `\/` + x[:most-1]},
		"letters":                            {strings.Repeat("é", most/2), strings.Repeat("é", most/2)},
	} {
		var got string
		field := ShortString("token", &got, most)
		if problems := field.take(field.Name, jsontext.Value(`"`+test.sent+`"`)); problems != nil || got != test.want {
			t.Errorf("%s: %q, %d bytes, want %d", name, problems, len(got), len(test.want))
		}
	}
	for sent, want := range map[string][]string{"null": nil, `""`: nil, "5": {"token must be a string"}, "{}": {"token must be a string"}} {
		var got string
		field := ShortString("token", &got, most)
		if diff := cmp.Diff(want, field.take(field.Name, jsontext.Value(sent))); diff != "" || got != "" {
			t.Errorf("%s: %q (-want +got):\n%s", sent, got, diff)
		}
	}
}
