package wire

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// EscapeNonASCII writes every character of a JSON text beyond ASCII as \uXXXX
// (RFC 8259 section 7), which leaves its meaning as it was: clients in the
// field read an access token's claims with a decoder for Latin-1. doc must be
// valid JSON in UTF-8; where it has nothing to escape it is returned as it is.
func EscapeNonASCII(doc []byte) []byte {
	var out []byte
	for at := 0; at < len(doc); {
		r, size := utf8.DecodeRune(doc[at:])
		switch {
		case r < utf8.RuneSelf && out != nil:
			out = append(out, byte(r))
		case r >= utf8.RuneSelf:
			if out == nil {
				out = append(make([]byte, 0, 2*len(doc)), doc[:at]...)
			}
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		at += size
	}
	if out == nil {
		return doc
	}
	return out
}
