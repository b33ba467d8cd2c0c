package web

import (
	"net/http/httptest"
	"testing"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                               "",
		"Bearer abc":                     "abc",
		"bearer  abc":                    "abc",
		"Basic YTpi":                     "",
		`Digest username="a", realm="b"`: "",
		"Negotiate a b":                  "",
		"Bearer a,b":                     "a,b", // no token: the verifier says so
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", value)
		if got, err := Bearer(r); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", value, got, err, want)
		}
	}
	for _, values := range [][]string{{"Bearer a b"}, {"Bearer a", "Bearer a"}, {"Basic a", "Bearer b"}} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"] = values
		if got, err := Bearer(r); err == nil || got != "" {
			t.Errorf("%q: got %q and no error", values, got)
		}
	}
}
