package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"testing"
)

func mustNew(t *testing.T) string {
	t.Helper()
	text, err := New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNew(t *testing.T) {
	t.Parallel()
	a, b := mustNew(t), mustNew(t)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(a)
	if err != nil || len(raw) != 32 || a == b {
		t.Errorf("secrets %q and %q: want 256 random bits, %v", a, b, err)
	}
	if _, err := New(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a secret of less randomness")
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	spent, successor := mustNew(t), mustNew(t)
	sealed, err := Seal(spent, successor, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unseal(spent, sealed); err != nil || got != successor {
		t.Errorf("Unseal = %q, %v", got, err)
	}
	// What the database has opens nothing: not the digest, not another secret.
	digest := Hash(spent)
	for name, key := range map[string]string{
		"the digest":         string(digest[:]),
		"the digest as text": base64.RawURLEncoding.EncodeToString(digest[:]),
		"the successor":      successor,
		"another secret":     mustNew(t),
		"nothing":            "",
	} {
		if got, err := Unseal(key, sealed); got != "" || !errors.Is(err, ErrSealed) {
			t.Errorf("Unseal with %s = %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if got, err := Unseal(spent, changed); got != "" || !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d changed: %q, %v", i, got, err)
		}
		if got, err := Unseal(spent, sealed[:i]); got != "" || !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %q, %v", i, got, err)
		}
	}
	if bytes.Contains(sealed, []byte(successor)) {
		t.Error("the successor is in the clear")
	}
}
