package wire

import (
	"math"
	"strconv"
	"strings"
)

// ParseWhole reads a whole number in any spelling that JSON has for it, such as
// 2, 2.0, 20e-1 or 1e1. A program that writes floating-point numbers does not
// choose among them. ok is false for a fraction and for what is no number. A
// number beyond int64 becomes the nearest int64, which is beyond every bound
// too. The time is linear in the length of s, whatever its exponent is.
func ParseWhole(s string) (n int64, ok bool) {
	unsigned, negative := strings.CutPrefix(s, "-")
	mantissa, power, hasPower := cutAny(unsigned, "eE")
	exponent := 0
	if hasPower {
		if exponent, ok = parseExponent(power); !ok {
			return 0, false
		}
	}
	whole, fraction, hasFraction := strings.Cut(mantissa, ".")
	if !isDigits(whole) || hasFraction && !isDigits(fraction) {
		return 0, false
	}
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	switch {
	case significant == "":
		return 0, true
	case exponent < 0:
		return 0, false
	}
	const longest = 19 // digits of the largest int64
	if len(significant) > longest || exponent > longest {
		return nearest(negative), true
	}
	// The only error is that of a number out of range.
	n, err := strconv.ParseInt(significant+strings.Repeat("0", exponent), 10, 64)
	switch {
	case err != nil:
		return nearest(negative), true
	case negative:
		n = -n
	}
	return n, true
}

// parseExponent reads what follows the e. One that is out of any reach becomes
// farExponent, whose sum with the length of a text does not overflow.
func parseExponent(s string) (exponent int, ok bool) {
	const farExponent = 1 << 30
	unsigned, negative := strings.CutPrefix(s, "-")
	if !negative {
		unsigned = strings.TrimPrefix(s, "+")
	}
	if !isDigits(unsigned) {
		return 0, false
	}
	exponent, err := strconv.Atoi(unsigned)
	if err != nil || exponent > farExponent {
		exponent = farExponent
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

func nearest(negative bool) int64 {
	if negative {
		return math.MinInt64
	}
	return math.MaxInt64
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
