// Package bubble runs tests in bubbles of testing/synctest.
package bubble

import (
	"crypto/fips140"
	"testing"
	"testing/synctest"
)

// Test runs f in a bubble. In FIPS 140-3 mode it skips the test: the generator of
// random numbers collects its entropy by a clock, which stands still in a bubble.
func Test(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if fips140.Enabled() {
		t.Skip("FIPS 140-3 cannot collect entropy in a bubble, whose clock stands still")
	}
	synctest.Test(t, f)
}
