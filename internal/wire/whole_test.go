package wire

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

func TestParseWhole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"2": 2, "2.0": 2, "2e0": 2, "20e-1": 2, "0.2e1": 2, "1e1": 10, "1E+1": 10, "-3.00": -3, "200e-2": 2, "007": 7,
		"0": 0, "-0": 0, "0.0": 0, "0e99999999999999999999": 0, "0e-99999999999999999999": 0,
		"9223372036854775807": math.MaxInt64, "-9223372036854775807": -math.MaxInt64, "9.223372036854775807e18": math.MaxInt64,
		// Out of range.
		"9223372036854775808": math.MaxInt64, "-9223372036854775809": math.MinInt64, "1e19": math.MaxInt64,
		"1e400": math.MaxInt64, "-1e99999999999999999999": math.MinInt64,
		"1" + strings.Repeat("0", 100_000): math.MaxInt64,
		// The zeros behind the point say nothing.
		"2." + strings.Repeat("0", 100_000):             2,
		"1" + strings.Repeat("0", 100_000) + "e-100000": 1,
	} {
		if got, ok := ParseWhole(text); !ok || got != want {
			t.Errorf("%.40s: %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "-", "+1", ".5", "5.", "0.5", "1e-1", "1e", "1e+", "e1", "1e1.0", "1.5e0", "0x1", "1_0", " 1", "1 ", "--1", "1e--1", "1e-+1",
		"1e-99999999999999999999", "NaN", "Infinity", "true", "null", `"2"`, "٢",
	} {
		if got, ok := ParseWhole(text); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

// FuzzParseWhole compares with exact arithmetic.
func FuzzParseWhole(f *testing.F) {
	for _, seed := range []string{"2.0", "20e-1", "1e19", "-0.50", "9223372036854775807e0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseWhole(text)
		if _, err := strconv.ParseFloat(text, 64); err != nil && ok && !strings.Contains(err.Error(), "range") {
			t.Fatalf("%q is no number and read as %d", text, got)
		}
		if _, power, _ := cutAny(text, "eE"); len(text) > 64 || len(power) > 3 || !ok {
			return
		}
		exact, good := new(big.Rat).SetString(text)
		if !good || !exact.IsInt() {
			t.Fatalf("%q is not whole and read as %d", text, got)
		}
		if n := exact.Num(); n.IsInt64() && n.Int64() != got || !n.IsInt64() && got != nearest(n.Sign() < 0) {
			t.Fatalf("%q: %d, want %s", text, got, n)
		}
	})
}
