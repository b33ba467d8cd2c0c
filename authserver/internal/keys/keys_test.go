package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newKey(t *testing.T, kid string, kek []byte) store.Key {
	t.Helper()
	key, err := New(kid, kek, rand.Reader, created)
	if err != nil {
		t.Fatal(err)
	}
	key.SignsFrom, key.TokenTTL = created, 15*time.Minute
	return key
}

func TestLoad(t *testing.T) {
	t.Parallel()
	kek := bytes.Repeat([]byte{7}, KEKBytes)
	rows := []store.Key{newKey(t, "newer", kek), newKey(t, "older", kek)}
	rows[1].SignsFrom = created.Add(-time.Minute)
	ring, err := Load(rows, kek, created)
	if err != nil {
		t.Fatal(err)
	}
	signing, err := ring.Signing(created)
	if err != nil {
		t.Fatal(err)
	}
	if signing.ID != "newer" {
		t.Errorf("%s signs, want the newest", signing.ID)
	}
	header, err := base64.RawURLEncoding.DecodeString(signing.Header)
	if err != nil || string(header) != `{"alg":"EdDSA","kid":"newer","typ":"JWT"}` {
		t.Errorf("header %s, %v", header, err)
	}
	public, ok := ring.ByHeader(signing.Header)
	if !ok || !public.Equal(signing.Private.Public()) {
		t.Error("the header does not find the signing key's public half")
	}
	if _, ok := ring.ByHeader(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"older"}`))); ok {
		t.Error("a header that the server does not write finds a key")
	}
	document, etag := ring.JWKS()
	form := regexp.MustCompile(`^\{"keys":\[\{"alg":"EdDSA","crv":"Ed25519","x":"[\w-]{43}","kty":"OKP","kid":"newer","use":"sig"\},` +
		`\{"alg":"EdDSA","crv":"Ed25519","x":"[\w-]{43}","kty":"OKP","kid":"older","use":"sig"\}\]\}$`)
	if !form.Match(document) {
		t.Errorf("JWKS %s", document)
	}
	if !regexp.MustCompile(`^"[\w-]{43}"$`).MatchString(etag) {
		t.Errorf("ETag %s", etag)
	}
	alone, err := Load(rows[:1], kek, created)
	if err != nil {
		t.Fatal(err)
	}
	if _, other := alone.JWKS(); other == etag {
		t.Error("two documents have one ETag")
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	kek := bytes.Repeat([]byte{7}, KEKBytes)
	key, other := newKey(t, "kid", kek), newKey(t, "other", kek)
	with := func(change func(k *store.Key)) []store.Key {
		changed := key
		change(&changed)
		return []store.Key{changed}
	}
	for _, test := range []struct {
		name string
		rows []store.Key
		kek  []byte
		want string
	}{
		{"no key", nil, kek, "no signing key"},
		{"retired keys alone", with(func(k *store.Key) { k.RetiredAt = created }), kek, "no signing key"},
		{"another KEK", []store.Key{key}, bytes.Repeat([]byte{8}, KEKBytes), "kid: " + ErrWrongKEK.Error()},
		{"sealed for another kid", with(func(k *store.Key) { k.PrivateKey = other.PrivateKey }), kek, ErrWrongKEK.Error()},
		{"another public key", with(func(k *store.Key) { k.PublicKey = other.PublicKey }), kek, "not that of its private key"},
		{"an unsealed private key", with(func(k *store.Key) { k.PrivateKey = `{"d":"x"}` }), kek, "no known form"},
		{"half a private key", with(func(k *store.Key) { k.PrivateKey = k.PrivateKey[:40] }), kek, "no known form"},
		{"a second key that does not open", []store.Key{key, {ID: "second", PublicKey: other.PublicKey, PrivateKey: other.PrivateKey}}, kek, "second: "},
		{"a KEK of 31 bytes", []store.Key{key}, kek[:31], "key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Load(test.rows, test.kek, created); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Load = %v, want %q in it", err, test.want)
			}
		})
	}
}

// TestA178PrivateKeyAtRest: the row holds no part of the private key in the
// clear, and every change to what it holds is noticed.
func TestA178PrivateKeyAtRest(t *testing.T) {
	t.Parallel()
	kek := bytes.Repeat([]byte{7}, KEKBytes)
	seed := bytes.Repeat([]byte("seed-of-"), 4)
	key, err := New("kid", kek, bytes.NewReader(append(seed, make([]byte, 24)...)), created)
	if err != nil {
		t.Fatal(err)
	}
	box, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(key.PrivateKey, sealedPrefix))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(box, seed[:8]) || strings.Contains(key.PublicKey, "seed") {
		t.Error("the seed is in the row")
	}
	private, err := unseal(kek, "kid", key.PrivateKey)
	if err != nil || !private.Equal(ed25519.NewKeyFromSeed(seed)) {
		t.Fatalf("unseal: %v", err)
	}
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		if _, err := unseal(kek, "kid", sealedPrefix+base64.RawURLEncoding.EncodeToString(changed)); !errors.Is(err, ErrWrongKEK) {
			t.Fatalf("byte %d changed: %v, want ErrWrongKEK", i, err)
		}
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db.key")
	if _, err := ReadKEK(path); !errors.Is(err, ErrNoKeyFile) || !strings.Contains(err.Error(), path) {
		t.Errorf("ReadKEK without a file: %v", err)
	}
	kek, err := CreateKEK(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 600", info.Mode(), err)
	}
	again, err := CreateKEK(path, rand.Reader)
	if err != nil || !bytes.Equal(again, kek) {
		t.Errorf("a second CreateKEK made another key, %v", err)
	}
	read, err := ReadKEK(path)
	if err != nil || !bytes.Equal(read, kek) {
		t.Errorf("ReadKEK = another key, %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}

func TestBadKeyFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":     "",
		"no base64": "%%%",
		"31 bytes":  base64.StdEncoding.EncodeToString(make([]byte, 31)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db.key")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, load := range []func() ([]byte, error){
				func() ([]byte, error) { return ReadKEK(path) },
				func() ([]byte, error) { return CreateKEK(path, rand.Reader) },
			} {
				if kek, err := load(); err == nil || errors.Is(err, ErrNoKeyFile) || !strings.Contains(err.Error(), path) {
					t.Errorf("%x, %v; want an error that names the file", kek, err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != content {
				t.Errorf("the file was changed to %q, %v", after, err)
			}
		})
	}
}
