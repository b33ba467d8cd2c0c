package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/internal/wire"
)

func TestEscapeNonASCII(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{``, ``},
		{`{"a":"plain \u00eb"}`, `{"a":"plain \u00eb"}`},
		{`{"a":"zoë"}`, `{"a":"zo\u00eb"}`},
		{`{"é":"ë","b":1}`, `{"\u00e9":"\u00eb","b":1}`},
		{`"\u007f` + "\u007f\u0080" + `"`, `"\u007f` + "\u007f" + `\u0080"`},
		{`"€"`, `"\u20ac"`},
		{`"😀!"`, `"\ud83d\ude00!"`},
	} {
		got := string(wire.EscapeNonASCII([]byte(c.in)))
		if got != c.want {
			t.Errorf("EscapeNonASCII(%s) = %s, want %s", c.in, got, c.want)
		}
		var before, after any
		if c.in == "" {
			continue
		}
		if err := json.Unmarshal([]byte(c.in), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil {
			t.Errorf("EscapeNonASCII(%s): %v", c.in, err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("EscapeNonASCII(%s) means something else:\n%s", c.in, diff)
		}
	}
}
