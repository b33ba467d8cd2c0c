package env

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuthURL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		variables map[string]string
		want      string
		wrong     string // in the error; "": there is none
	}{
		"unset on a developer's machine":   {nil, "", ""},
		"unset in development":             {map[string]string{"NODE_ENV": "development"}, "", ""},
		"S13 unset in production":          {map[string]string{"NODE_ENV": "production\n"}, "", "MANA_AUTH_URL"},
		"S13 blank in production":          {map[string]string{"NODE_ENV": "production", "MANA_CORE_AUTH_URL": " "}, "", "MANA_AUTH_URL"},
		"the older name in production":     {map[string]string{"NODE_ENV": "production", "MANA_CORE_AUTH_URL": "https://a"}, "https://a", ""},
		"the newer name in production":     {map[string]string{"NODE_ENV": "production", "MANA_AUTH_URL": "https://a"}, "https://a", ""},
		"both names with different values": {map[string]string{"MANA_AUTH_URL": "https://a", "MANA_CORE_AUTH_URL": "https://b"}, "https://a", "MANA_CORE_AUTH_URL"},
	} {
		r := reading(c.variables)
		got, err := r.AuthURL(), r.Err()
		if got != c.want || (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %q, %v; want %q and an error with %q", name, got, err, c.want, c.wrong)
		}
	}
}

func TestPlaintextHosts(t *testing.T) {
	t.Parallel()
	r := reading(map[string]string{"MANA_AUTH_PLAINTEXT_HOSTS": "b, auth", "MANA_CREDITS_PLAINTEXT_HOSTS": "credits,auth\n"})
	if diff := cmp.Diff([]string{"auth", "b", "credits"}, r.PlaintextHosts()); diff != "" || r.Err() != nil {
		t.Errorf("%s, %v", diff, r.Err())
	}
	if none := reading(nil).PlaintextHosts(); len(none) != 0 {
		t.Errorf("%q without a variable", none)
	}
}
