package charge_test

import (
	"crypto/rand"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	_ = rand.Text() // FIPS 140-3 collects its entropy by a clock, which stands still in a bubble
	goleak.VerifyTestMain(m)
}
