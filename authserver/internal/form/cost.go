package form

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

const (
	// SmallBody is the largest body, in bytes, that is read whatever it is made
	// of.
	SmallBody = 16 << 10
	// maxCostly is how many costly bytes a larger body may have. No form has
	// fields for as many.
	maxCostly = 10 << 10
)

// ErrCostly means that a body larger than SmallBody consists of escapes and of
// letters beyond ASCII, more than any form has room for. To read them takes
// several times as long as to read other bytes.
var ErrCostly = errors.New("too many escapes and letters beyond ASCII")

// isCostly reports whether a body is larger than SmallBody and has more than
// maxCostly costly bytes: two for each escape, and those of letters beyond
// ASCII. It counts before the body is decoded, many bytes at once, and no
// further than it has to.
func isCostly(body []byte) bool {
	if len(body) <= SmallBody {
		return false
	}
	count := 0
	for rest := body; count <= maxCostly; count += 2 {
		escape := bytes.IndexByte(rest, '\\')
		if escape < 0 {
			break
		}
		rest = rest[min(escape+len(`\n`), len(rest)):]
	}
	const highBits = 0x8080808080808080
	rest := body
	for ; len(rest) >= 8 && count <= maxCostly; rest = rest[8:] {
		count += bits.OnesCount64(binary.NativeEndian.Uint64(rest) & highBits)
	}
	for len(rest) > 0 && count <= maxCostly {
		count += int(rest[0] >> 7)
		rest = rest[1:]
	}
	return count > maxCostly
}
