package env

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func reading(variables map[string]string) *Reader {
	return &Reader{Getenv: func(name string) string { return variables[name] }}
}

func TestString(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		newer, older string
		want         string
		wrong        []string // all of them in the error; none: there is no error
	}{
		"unset":                   {"", "", "", nil},
		"blank":                   {" \n", "\t", "", nil},
		"the newer one":           {"a", "", "a", nil},
		"the older one":           {"", "a", "a", nil},
		"both alike":              {"a", "a", "a", nil},
		"both alike but a blank":  {"a\n", " a", "a", nil},
		"a line feed at the end":  {"a\r\n", "", "a", nil},
		"a conflict":              {"a", "b", "a", []string{"NEWER", `"a"`, "OLDER", `"b"`}},
		"quotes":                  {`"a"`, "", "", []string{"NEWER", `"\"a\""`, "quotes"}},
		"single quotes":           {"", "'a'", "", []string{"OLDER", "'a'", "quotes"}},
		"half of the quotes":      {`a"`, "", "", []string{"NEWER", "quotes"}},
		"typographic quotes":      {"“a”", "", "", []string{"NEWER", "quotes"}},
		"quotes beside the older": {`"a"`, "a", "a", []string{"NEWER", "quotes"}},
		"a quote inside":          {`a"b`, "", `a"b`, nil},
	} {
		r := reading(map[string]string{"NEWER": c.newer, "OLDER": c.older})
		got, err := r.String("NEWER", "OLDER"), r.Err()
		if got != c.want || (err != nil) != (c.wrong != nil) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
		for _, part := range c.wrong {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v; want %s in it", name, err, part)
			}
		}
	}
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	for _, variables := range []map[string]string{{"NEWER": "hush", "OLDER": "quiet"}, {"NEWER": `"hush"`}, {"OLDER": "'quiet'"}} {
		r := reading(variables)
		r.Secret("NEWER", "OLDER")
		err := r.Err()
		if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "quiet") {
			t.Errorf("%v: error %v", variables, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	r := reading(map[string]string{"HOSTS": " a, b,,c\n", "NONE": ",", "QUOTED": `a,"b",c`})
	if diff := cmp.Diff([]string{"a", "b", "c"}, r.List("HOSTS")); diff != "" || r.List("NONE") != nil || r.Err() != nil {
		t.Errorf("%s, %v", diff, r.Err())
	}
	if r.List("QUOTED"); r.Err() == nil || !strings.Contains(r.Err().Error(), "QUOTED") {
		t.Errorf("error %v", r.Err())
	}
}
