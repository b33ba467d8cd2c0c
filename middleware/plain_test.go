package middleware

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestS16Plain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		plain bool
		paths []string
	}{
		{"ordinary paths", true, []string{
			"/", "/a", "/a/", "/a/b.c/d-e_f~g", "/a:b@c!$&'()*,=", "/a%40b", "/a%3ab", "/caf%C3%A9", "/caf%c3%a9", "/a%20b", "/a+b", "/c++",
			"/.well-known/x", "/..a", "/a..b", "/%F0%9F%98%80", "/%D9%85%DB%8C%E2%80%8C%D8%B1", "/%EF%BF%BD",
		}},
		{"empty segments", false, []string{"//", "//a", "/a//b", "/a//", "/a///"}},
		{"dot segments", false, []string{"/.", "/..", "/./a", "/a/..", "/a/../b", "/a/./b", "/...", "/a/.../b", "/a/..../b"}},
		{"encoded dots", false, []string{"/%2e%2e/a", "/%2E%2e", "/.%2e/a", "/a%2Ebak", "/%2e"}},
		{"dots with what some readers drop", false, []string{
			"/..%20/a", "/%20../a", "/.%20./a", "/..+/a", "/+../a", "/.+.", "/+", "/.%E2%80%8B./a", "/..%C2%AD", "/%EF%BB%BF../a", "/%E2%80%8B",
		}},
		{"ends that some readers trim", false, []string{"/a.", "/a./b", "/a%20", "/%20a", "/a%20/b", "/a%09", "/a%C2%A0", "/a%E3%80%80b"}},
		{"encoded slashes", false, []string{"/a%2Fb", "/a%2fb", "/a%2F", "/%2F", "/a%2F..%2Fb"}},
		{"backslashes", false, []string{`/a\b`, "/a%5Cb", "/a%5c..%5cb", `/..\a`}},
		{"parameters", false, []string{"/a;b", "/..;/a", "/;/a", "/a;x=1/b", "/a%3Bb", "/..%3b/a", "/a;"}},
		{"encoded twice", false, []string{"/a%252Fb", "/%252e%252e/a", "/a%2500", "/a%25"}},
		{"ends of the path for another parser", false, []string{"/a%3Fb", "/a%23b", "/a%3f"}},
		{"encoded letters and digits", false, []string{"/%61", "/%41dmin", "/a%30", "/a%2Db", "/a%5Fb", "/a%7Eb"}},
		{"control characters", false, []string{"/a%00", "/a%00/b", "/a%0A", "/a%0d", "/a%1F", "/a%7F", "/a%C2%85b"}},
		{"no UTF-8", false, []string{"/%C0%AE%C0%AE/a", "/a%C0%AFb", "/a%E0%80%AFb", "/a%F0%80%80%AFb", "/a%FF", "/a%C3", "/a%ED%A0%80"}},
		{"characters that fold to others", false, []string{
			"/%EF%BC%8E%EF%BC%8E/a", "/a%EF%BC%8Fb", "/a%EF%BC%BCb", "/a%EF%BC%9Bb", "/a%EF%BC%85b", "/%E2%80%A5/a", "/%E2%80%A4%E2%80%A4/a",
			"/a%E2%88%95b", "/a%E2%81%84b", "/a%E2%88%96b", "/a%CD%BEb", "/a%E2%84%80b",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, path := range tt.paths {
				u, err := url.ParseRequestURI(path)
				if err != nil {
					t.Fatal(err)
				}
				if got := plain(u); got != tt.plain {
					t.Errorf("%s: plain = %v; want %v", path, got, tt.plain)
				}
			}
		})
	}
}

func TestS16PathsThatWereChanged(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]*url.URL{
		"none":                         {},
		"asterisk":                     {Path: "*"},
		"opaque":                       {Opaque: "/a"},
		"no slash":                     {Path: "a"},
		"encoded text of another path": {Path: "/a", RawPath: "/b%40"},
		"encoded text that is none":    {Path: "/a", RawPath: "/%zz"},
	} {
		if plain(u) {
			t.Errorf("%s: plain", name)
		}
	}
}

// The table is complete: Unicode's own data say which characters become
// syntax.
func TestS16FoldsToSyntax(t *testing.T) {
	t.Parallel()
	for c := rune(0x80); c <= 0x10ffff; c++ {
		if c >= 0xd800 && c <= 0xdfff {
			continue
		}
		text := string(c)
		if strings.ContainsAny(norm.NFKC.String(text)+norm.NFKD.String(text), `./\;%?#`) && plainSegment("a"+text+"b") {
			t.Errorf("%U is plain and becomes %q", c, norm.NFKC.String(text))
		}
	}
}
