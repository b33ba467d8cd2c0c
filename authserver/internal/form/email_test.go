package form

import (
	"strings"
	"testing"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ann@example.com":                  "ann@example.com",
		"Ann.B+tag@Sub.Example.COM":        "ann.b+tag@sub.example.com",
		"o'hara_1-2@example.co":            "o'hara_1-2@example.co",
		"ju\u0308rgen@m\u00fcnchen.de":     "j\u00fcrgen@m\u00fcnchen.de", // NFD and NFC are one account
		"ann@xn--mnchen-3ya.de":            "ann@xn--mnchen-3ya.de",
		strings.Repeat("a", 64) + "@b.com": strings.Repeat("a", 64) + "@b.com",

		"": "", "ann": "", "@example.com": "", "ann@": "", "ann@localhost": "", "ann@example.c": "",
		"ann@.com": "", "ann@example..com": "", "ann@example.com.": "", ".ann@example.com": "", "ann.@example.com": "",
		"a..b@example.com": "", "ann@-example.com": "", "ann@example-.com": "", "ann@127.0.0.1": "", "ann@[127.0.0.1]": "",
		"ann b@example.com": "", " ann@example.com": "", "ann@example.com ": "", "ann@example.com\n": "", "ann@exa mple.com": "",
		"a@b@example.com": "", `"ann"@example.com`: "", "ann@example.com,bob@example.com": "", "Ann <ann@example.com>": "",
		"ann\x00@example.com": "", "ann@example\u200b.com": "", "ann\u202e@example.com": "",
		strings.Repeat("a", 65) + "@b.com":                          "",
		"a@" + strings.Repeat("b", 64) + ".com":                     "",
		"a@" + strings.Repeat(strings.Repeat("b", 60)+".", 5) + "c": "",
	} {
		got, ok := NormalEmail(in)
		if got != want || ok != (want != "") {
			t.Errorf("NormalEmail(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}
