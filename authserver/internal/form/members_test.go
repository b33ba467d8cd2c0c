package form

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// members is that many members with different names.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// TestV1Members: a body has at most 64 members, counted at any depth, before
// anything else is done with them.
func TestV1Members(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want error // nil: a problem with the fields at most
	}{
		"64":                     {`{` + members(63) + `,"token":"x"}`, nil},
		"65":                     {`{` + members(64) + `,"token":"x"}`, ErrTooMany},
		"65 and then no JSON":    {`{` + members(65) + `,"token"`, ErrTooMany},
		"100 KiB":                {`{` + members(9000) + `}`, ErrTooMany},
		"inside of a value":      {`{"token":{` + members(64) + `}}`, ErrTooMany},
		"63 inside of a value":   {`{"token":{` + members(63) + `}}`, nil},
		"elements":               {`{"token":[` + strings.Repeat("1,", 64) + `1]}`, ErrTooMany},
		"in several values":      {`{"a":[` + strings.Repeat("1,", 40) + `1],"b":[` + strings.Repeat("{},", 40) + `1]}`, ErrTooMany},
		"nested":                 {`{"token":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, ErrMalformed},
		"data":                   {`{"data":{` + members(1024) + `}}`, nil},
		"data of too many":       {`{"data":{` + members(1025) + `}}`, ErrTooMany},
		"data twice":             {`{"data":{},"data":{}}`, ErrMalformed},
		"a name spelled twice":   {`{"token":"x","\u0074oken":"y"}`, ErrMalformed},
		"behind the object":      {`{"token":"x"}1`, ErrMalformed},
		"spaces and their like":  {" {\t\"token\"\r\n:\n\"x\" , \"data\" :\t{ } } ", nil},
		"an endless name":        {`{"` + strings.Repeat(`n`, 100_000) + `":1}`, nil},
		"a costly one":           {`{"` + strings.Repeat(`\n`, 50_000) + `":1}`, ErrCostly},
		"no name":                {`{:1}`, ErrMalformed},
		"a comma too many":       {`{"token":"x",}`, ErrMalformed},
		"invalid UTF-8 inside":   {"{\"data\":{\"a\":\"\xff\"}}", ErrMalformed},
		"lone surrogate, a name": {`{"\ud800":1}`, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var token, data string
			err := Parse([]byte(test.body), []Field{String("token", &token), Object("data", &data, 100<<10)})
			if _, invalid := errors.AsType[*InvalidError](err); test.want == nil && (invalid || err == nil) {
				return
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// A property gets the bytes that were sent for it, and nothing of what stands
// around them.
func TestV1ValuesAsSent(t *testing.T) {
	t.Parallel()
	sent, err := readMembers([]byte(` { "a" : 1 , "b":[ 2, {} ] ,"c":"x,}" , "d":null} `), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "1", "b": "[ 2, {} ]", "c": `"x,}"`, "d": "null"} {
		if got := sent[name]; !got.IsValid() || string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var data string
	err = Parse([]byte(`{"data":{"a":1,"a":2}}`), []Field{Object("data", &data, 100)})
	if _, ok := errors.AsType[*InvalidError](err); !ok {
		t.Errorf("a name twice inside of an object: %v", err)
	}
}
