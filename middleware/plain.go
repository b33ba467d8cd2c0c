package middleware

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain tells that no two programs read the path of u as different paths: not
// one that decodes it and one that does not, that decodes it twice, cleans it,
// cuts it at a parameter, folds its characters or trims its segments, as
// proxies, operating systems and other routers do.
func plain(u *url.URL) bool {
	if u.RawPath != "" && (u.EscapedPath() != u.RawPath || encodesUnreserved(u.RawPath)) {
		return false
	}
	path := u.Path
	if path == "" || path[0] != '/' {
		return false
	}
	for path != "" {
		var segment string
		segment, path = cutText(path)
		if segment == "" && path != "" || !plainSegment(segment) {
			return false
		}
	}
	return true
}

// encodesUnreserved tells that a path encodes a slash, or one of the characters
// that need no encoding (RFC 3986 section 2.3).
func encodesUnreserved(path string) bool {
	for {
		i := strings.IndexByte(path, '%')
		if i < 0 || i+2 >= len(path) {
			return false
		}
		switch c := unhex(path[i+1])<<4 | unhex(path[i+2]); {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			return true
		}
		path = path[i+3:]
	}
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	default:
		return c - '0'
	}
}

// plainSegment tells that a decoded segment holds nothing that ends it, parts
// it or makes it a dot segment for some reader.
func plainSegment(segment string) bool {
	if strings.HasPrefix(segment, " ") || strings.HasSuffix(segment, " ") || strings.HasSuffix(segment, ".") {
		return false
	}
	onlyDots := segment != ""
	for i, c := range segment {
		switch {
		case c == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(segment[i:]); size == 1 {
				return false // no UTF-8, as an overlong slash
			}
		case strings.ContainsRune(`;\%?#/`, c), unicode.IsControl(c), c != ' ' && unicode.IsSpace(c):
			return false
		case c >= utf8.RuneSelf && unicode.Is(foldsToSyntax, c):
			return false
		}
		onlyDots = onlyDots && (c == '.' || c == '+' || c == ' ' || unicode.Is(unicode.Cf, c))
	}
	return !onlyDots
}

// foldsToSyntax is the characters beyond ASCII that become . / \ ; % ? or # by
// Unicode normalization (forms NFKC and NFKD), as does U+FF0F, and the slashes
// that other foldings know.
var foldsToSyntax = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x037e, 0x037e, 1}, {0x2024, 0x2026, 1}, {0x2044, 0x2044, 1}, {0x2047, 0x2049, 1}, {0x2100, 0x2101, 1},
		{0x2105, 0x2106, 1}, {0x2215, 0x2216, 1}, {0x2488, 0x249b, 1}, {0x29f5, 0x29f5, 1}, {0x29f8, 0x29f9, 1},
		{0x33c2, 0x33c2, 1}, {0x33c7, 0x33c7, 1}, {0x33d8, 0x33d8, 1}, {0xfe14, 0xfe14, 1}, {0xfe16, 0xfe16, 1},
		{0xfe19, 0xfe19, 1}, {0xfe30, 0xfe30, 1}, {0xfe52, 0xfe52, 1}, {0xfe54, 0xfe54, 1}, {0xfe56, 0xfe56, 1},
		{0xfe5f, 0xfe5f, 1}, {0xfe68, 0xfe68, 1}, {0xfe6a, 0xfe6a, 1}, {0xff03, 0xff03, 1}, {0xff05, 0xff05, 1},
		{0xff0e, 0xff0f, 1}, {0xff1b, 0xff1b, 1}, {0xff1f, 0xff1f, 1}, {0xff3c, 0xff3c, 1},
	},
	R32: []unicode.Range32{{0x1f100, 0x1f100, 1}},
}
