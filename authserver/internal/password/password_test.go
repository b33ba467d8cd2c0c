package password

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h := New(2, 64, rand.Reader)
	long := strings.Repeat("x", 128)
	for _, test := range []struct {
		name, set, tried string
		want             bool
	}{
		{"the same", "correct horse", "correct horse", true},
		{"case", "correct horse", "Correct horse", false},
		{"a space more", "correct horse", "correct horse ", false},
		{"A170 72 bytes and not one more", strings.Repeat("a", 72) + "b", strings.Repeat("a", 72) + "c", false},
		{"A170 last of 128 characters", long, long[:127] + "y", false},
		{"A170 cut off by one", long, long[:127], false},
		{"A170 NUL does not end it", "before\x00after", "before\x00other", false},
		{"A170 NUL", "before\x00after", "before\x00after", true},
		{"A170 NFC and NFD", "pässword", "pa\u0308ssword", true},
		{"compatibility forms", "ﬁne password", "fine password", true},
		{"emoji", "👍🏽👍🏽👍🏽👍🏽", "👍🏽👍🏽👍🏽👍🏽", true},
		{"empty tried", "correct horse", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			hash, err := h.Hash(t.Context(), From{}, test.set)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := h.Verify(t.Context(), From{}, test.tried, hash); err != nil || got != test.want {
				t.Errorf("Verify = %v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestHashForm(t *testing.T) {
	t.Parallel()
	h := New(1, 1, rand.Reader)
	first, err := h.Hash(t.Context(), From{}, "password")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.Hash(t.Context(), From{}, "password")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes have one salt")
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s is not of the documented cost", first)
	}
}

// TestStoredHash: a hash that is in a database today is read for ever.
func TestStoredHash(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE"
	if ok, err := New(1, 0, rand.Reader).Verify(t.Context(), From{}, "password", hash); err != nil || !ok {
		t.Errorf("Verify = %v, %v", ok, err)
	}
}

func TestVerifyRefusesOtherForms(t *testing.T) {
	t.Parallel()
	h := New(1, 1, rand.Reader)
	good, err := h.Hash(t.Context(), From{}, "password")
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{
		"", "password", "$2a$10$abcdefghijklmnopqrstuv", good + "x", good[:len(good)-1], good + "$",
		strings.Replace(good, "argon2id", "argon2i", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1),
		strings.Replace(good, "v=19", "v=16", 1),
	} {
		before := h.Load().Hashed
		if ok, err := h.Verify(t.Context(), From{}, "password", hash); ok || !errors.Is(err, ErrFormat) {
			t.Errorf("Verify with %q = %v, %v; want ErrFormat", hash, ok, err)
		}
		if done := h.Load().Hashed - before; done != 1 { // V11: as for every other password
			t.Errorf("Verify with %q hashed %d times", hash, done)
		}
	}
}
