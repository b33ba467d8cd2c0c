package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IdempotencyKeyHeader counts as the property idempotencyKey of a body.
const IdempotencyKeyHeader = "Idempotency-Key"

// MaxIdempotencyKey is the longest idempotency key, in characters.
const MaxIdempotencyKey = 255

// IdempotencyKey is the key of a request, which may be in its body, in its
// header or in both. inBody is empty where the body has none, and headers are
// the lines of the header. problem says what is wrong with them, and is empty
// where nothing is. A header that was dropped would charge a caller twice who
// relies on it.
func IdempotencyKey(inBody string, headers []string) (key, problem string) {
	if len(headers) == 0 {
		return inBody, ""
	}
	key = headers[0]
	switch {
	case len(headers) > 1:
		return "", IdempotencyKeyHeader + " must be sent once"
	case key == "":
		return "", IdempotencyKeyHeader + " should not be empty"
	case !utf8.ValidString(key):
		return "", IdempotencyKeyHeader + " must be UTF-8"
	case utf8.RuneCountInString(key) > MaxIdempotencyKey:
		return "", fmt.Sprintf("%s must be shorter than or equal to %d characters", IdempotencyKeyHeader, MaxIdempotencyKey)
	case strings.ContainsFunc(key, unicode.IsControl):
		return "", IdempotencyKeyHeader + " must not contain control characters"
	case inBody != "" && inBody != key:
		return "", IdempotencyKeyHeader + " and idempotencyKey must be the same"
	}
	return key, ""
}
