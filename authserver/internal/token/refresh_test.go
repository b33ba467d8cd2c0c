package token

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"testing"
)

func mustRefresh(t *testing.T) string {
	t.Helper()
	refresh, err := NewRefresh(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return refresh
}

func TestNewRefresh(t *testing.T) {
	t.Parallel()
	a, b := mustRefresh(t), mustRefresh(t)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(a)
	if err != nil || len(raw) != 32 || a == b {
		t.Errorf("refresh tokens %q and %q: want 256 random bits, %v", a, b, err)
	}
	if _, err := NewRefresh(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a refresh token of less randomness")
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	spent, successor := mustRefresh(t), mustRefresh(t)
	sealed, err := Seal(spent, successor, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Unseal(spent, sealed); err != nil || got != successor {
		t.Errorf("Unseal = %q, %v", got, err)
	}
	// What the database has opens nothing: not the digest, not another token.
	digest := Digest(spent)
	for name, key := range map[string]string{
		"the digest":         string(digest[:]),
		"the digest as text": base64.RawURLEncoding.EncodeToString(digest[:]),
		"the successor":      successor,
		"another token":      mustRefresh(t),
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
