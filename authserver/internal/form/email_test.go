package form

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ann@example.com":                  "ann@example.com",
		"Ann.B+tag@Sub.Example.COM":        "ann.b+tag@sub.example.com",
		"o'hara_1-2@example.co":            "o'hara_1-2@example.co",
		"ju\u0308rgen@m\u00fcnchen.de":     "j\u00fcrgen@xn--mnchen-3ya.de", // NFD and NFC are one account
		"ann@xn--mnchen-3ya.de":            "ann@xn--mnchen-3ya.de",
		strings.Repeat("a", 64) + "@b.com": strings.Repeat("a", 64) + "@b.com",

		"ann@M\u00fcnchen.DE":                                    "ann@xn--mnchen-3ya.de", // O10: one form of the domain
		"ann@mu\u0308nchen.de":                                   "ann@xn--mnchen-3ya.de",
		"ann@XN--MNCHEN-3YA.de":                                  "ann@xn--mnchen-3ya.de",
		"ann@stra\u00dfe.de":                                     "ann@xn--strae-oqa.de",
		"stra\u00dfe@example.com":                                "stra\u00dfe@example.com", // which is not strasse's mailbox
		"STRA\u1e9eE@example.com":                                "stra\u00dfe@example.com",
		"\u0393\u0399\u03a9\u03a1\u0393\u039f\u03a3@example.com": "\u03b3\u03b9\u03c9\u03c1\u03b3\u03bf\u03c3@example.com",
		"\u03b3\u03b9\u03c9\u03c1\u03b3\u03bf\u03c2@example.com": "\u03b3\u03b9\u03c9\u03c1\u03b3\u03bf\u03c3@example.com", // a final sigma
		"\u212aarl@example.com":                                  "karl@example.com",                                       // Kelvin's sign
		"\u017fam@example.com":                                   "sam@example.com",                                        // a long s
		"\u0131n@example.com":                                    "\u0131n@example.com",                                    // an i without its dot is another letter

		"ann@xn--a.de": "", "ann@xn--zz-.de": "", "ann@a\u200db.de": "",
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

func TestEmailSpellings(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]string{
		"ann@example.com":           {"ann@example.com"},
		"ann@xn--mnchen-3ya.de":     {"ann@xn--mnchen-3ya.de", "ann@münchen.de"},
		"γιωργοσ@example.com":       {"γιωργοσ@example.com", "γιωργος@example.com"},
		"γιωργοσ@xn--mnchen-3ya.de": {"γιωργοσ@xn--mnchen-3ya.de", "γιωργοσ@münchen.de", "γιωργος@xn--mnchen-3ya.de", "γιωργος@münchen.de"},
		"no address":                {"no address"},
	} {
		if diff := cmp.Diff(want, EmailSpellings(address)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
}
