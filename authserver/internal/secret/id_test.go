package secret

import (
	"bytes"
	"crypto/rand"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewID(t *testing.T) {
	t.Parallel()
	const ids = 4000
	form := regexp.MustCompile(`^[a-zA-Z0-9]{32}$`)
	seen := map[string]bool{}
	counts := map[rune]float64{}
	for range ids {
		id, err := NewID(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("id %q is of the wrong form or not new", id)
		}
		seen[id] = true
		for _, c := range id {
			counts[c]++
		}
	}
	// With a plain modulo the first 8 letters would come 25 % more often. Six
	// standard deviations hold for all 62 letters but once in 10^7 runs.
	mean := float64(ids*idLength) / float64(len(alphabet))
	for _, c := range alphabet {
		if math.Abs(counts[c]-mean) > 6*math.Sqrt(mean) {
			t.Errorf("%c came %v times, mean %v", c, counts[c], mean)
		}
	}
}

func TestNewIDSkipsBiasedBytes(t *testing.T) {
	t.Parallel()
	source := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{248, 255}, 16)), bytes.NewReader(make([]byte, 32)))
	id, err := NewID(source)
	if err != nil || id != strings.Repeat("a", 32) {
		t.Errorf("NewID = %q, %v", id, err)
	}
	if _, err := NewID(bytes.NewReader(nil)); err == nil {
		t.Error("an id without randomness")
	}
}
