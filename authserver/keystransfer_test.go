package authserver

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// onEach runs a test on an empty database of each kind; other is a second one.
func onEach(t *testing.T, f func(t *testing.T, one, other func(*Config))) {
	for name, database := range map[string]func(t *testing.T) func(*Config){
		"SQLite": func(t *testing.T) func(*Config) {
			path := filepath.Join(t.TempDir(), "one.db")
			return func(c *Config) { c.Database.SQLitePath = path }
		},
		"PostgreSQL": func(t *testing.T) func(*Config) { return on(pgtest.New(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, database(t), database(t))
		})
	}
}

// TestKeysMoveHouse exports the keys of a server with two of them and imports
// them into an empty database under another key-encryption key: the new server
// publishes the same set, signs with the same key, and reads the tokens of the
// old one.
func TestKeysMoveHouse(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, one, other func(*Config)) {
		kek := digest("the key-encryption key of the first house")
		first := func(c *Config) { one(c); c.Keys.EncryptionKey = kek }
		old := serverFor(t, first)
		from := adminOf(old, first)
		if err := from.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := decode[wire.JWKS](t, keySet(old), http.StatusOK)
		file := filepath.Join(t.TempDir(), "keys")
		if count, err := from.ExportPrivateKeys(t.Context(), file); err != nil || count != 2 {
			t.Fatalf("%d keys, %v", count, err)
		}
		if _, err := from.ExportPrivateKeys(t.Context(), file); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a file is replaced: %v", err)
		}
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if parts := strings.Split(strings.TrimSpace(string(document)), "."); len(parts) != 5 || strings.Contains(string(document), before.Keys[0].X) {
			t.Errorf("the file is not sealed: %.80s", document)
		}

		second := func(c *Config) { other(c); c.Keys.EncryptionKey = testKEK }
		empty := &harness{T: t, clock: old.clock}
		to := adminOf(empty, second)
		if _, err := to.ImportKeys(t.Context(), document, nil); err == nil || !strings.Contains(err.Error(), "another key-encryption key") {
			t.Errorf("without the key of the file: %v", err)
		}
		if kids, err := to.ImportKeys(t.Context(), document, kek); err != nil || len(kids) != 2 {
			t.Fatalf("%q, %v", kids, err)
		}
		if kids, err := to.ImportKeys(t.Context(), document, kek); err != nil || len(kids) != 0 {
			t.Errorf("once more: %q, %v", kids, err)
		}
		moved := serverFor(t, second)
		moved.clock.Advance(old.clock.Now().Sub(moved.clock.Now()))
		old.register("ann")
		moved.register("ann")
		oldToken, newToken := old.login("ann").AccessToken, moved.login("ann").AccessToken
		if a, b := segmentOf(oldToken), segmentOf(newToken); a != b {
			t.Errorf("the header of tokens was %s and is %s", a, b)
		}
		for _, key := range before.Keys {
			if !strings.Contains(keySet(moved).body, key.X) {
				t.Errorf("key %s is not published", key.Kid)
			}
		}
		if v := moved.verdict(oldToken); strings.Contains(v.Error, "signature") || strings.Contains(v.Error, "key") {
			t.Errorf("a token of the old server: %q", v.Error) // its session is unknown here
		}
	})
}

// segmentOf is the first segment of a token.
func segmentOf(token string) string {
	header, _, _ := strings.Cut(token, ".")
	return header
}

// plainSet is a JWK set of foreign private keys, which nothing is known of.
func plainSet(t *testing.T, kids ...string) []byte {
	t.Helper()
	var keys []map[string]string
	for i, kid := range kids {
		private := ed25519.NewKeyFromSeed(digest("foreign " + string(rune('a'+i))))
		keys = append(keys, map[string]string{
			"kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA",
			"x": base64.RawURLEncoding.EncodeToString(private[32:]), "d": base64.RawURLEncoding.EncodeToString(private.Seed()),
		})
	}
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// TestImportIntoALivingDatabase: where a key signs already, an imported one is
// published first and signs later, and no token of the present one goes bad.
func TestImportIntoALivingDatabase(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, one, _ func(*Config)) {
		with := func(c *Config) { one(c); c.Keys.EncryptionKey = testKEK }
		h := serverFor(t, with)
		admin := adminOf(h, with)
		h.register("ann")
		token := h.login("ann").AccessToken
		kids, err := admin.ImportKeys(t.Context(), plainSet(t, "foreign"), nil)
		if err != nil || len(kids) != 1 {
			t.Fatalf("%q, %v", kids, err)
		}
		h.clock.Advance(5 * time.Second)
		list, err := admin.Keys(t.Context())
		if err != nil || len(list) != 2 || list[1].ID != "foreign" || list[1].State != "next" {
			t.Fatalf("%+v, %v", list, err)
		}
		if got := h.login("ann").AccessToken; segmentOf(got) != segmentOf(token) {
			t.Error("the imported key signs at once")
		}
		if _, err := admin.ImportKeys(t.Context(), plainSet(t, "foreign", "another"), nil); !errors.Is(err, ErrKeyPending) {
			t.Errorf("a second next key: %v", err)
		}
		h.valid(token, "")
	})
}

// TestImportOfAnotherServersKeys: where users of another server are taken over, a
// key with which that one signed before is published until its tokens have
// expired, and so is every key that was published before.
func TestImportOfAnotherServersKeys(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, one, other func(*Config)) {
		there := func(c *Config) { one(c); c.Keys.EncryptionKey = digest("the key-encryption key there") }
		here := func(c *Config) { other(c); c.Keys.EncryptionKey = testKEK }
		from, h := serverFor(t, there), serverFor(t, here)
		foreign := decode[wire.JWKS](t, keySet(from), http.StatusOK).Keys[0]
		file := filepath.Join(t.TempDir(), "keys")
		if _, err := adminOf(from, there).ExportPrivateKeys(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		admin := adminOf(h, here)
		if err := admin.RotateKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(keys.Lead)
		h.clock.Advance(5 * time.Minute) // the former key is published for 16 minutes
		before := decode[wire.JWKS](t, keySet(h), http.StatusOK).Keys
		if len(before) != 2 {
			t.Fatalf("%+v", before)
		}
		if kids, err := admin.ImportKeys(t.Context(), document, digest("the key-encryption key there")); err != nil || len(kids) != 1 {
			t.Fatalf("%q, %v", kids, err)
		}
		h.clock.Advance(time.Second)
		for _, key := range append(before, foreign) {
			if !strings.Contains(keySet(h).body, key.X) {
				t.Errorf("key %s is not published", key.Kid)
			}
		}
		h.register("ann")
		if header, err := base64.RawURLEncoding.DecodeString(segmentOf(h.login("ann").AccessToken)); err != nil || !strings.Contains(string(header), before[0].Kid) {
			t.Errorf("the header of tokens is %s, %v", header, err)
		}
		h.clock.Advance(time.Hour)
		if after := decode[wire.JWKS](t, keySet(h), http.StatusOK).Keys; len(after) != 1 || after[0] != before[0] {
			t.Errorf("an hour later %+v is published", after)
		}
	})
}

// TestImportRefuses: a file that is no set of private Ed25519 keys changes
// nothing.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) { c.Keys.EncryptionKey = testKEK })
	admin := adminOf(h, func(c *Config) { c.Keys.EncryptionKey = testKEK })
	good := string(plainSet(t, "kid"))
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(good), &set, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	x, d := set.Keys[0]["x"], set.Keys[0]["d"]
	present := decode[wire.JWKS](t, keySet(h), http.StatusOK).Keys[0].Kid
	h.unchanged(func() {
		for name, document := range map[string]string{
			"nothing": "", "text": "keys", "no JSON": "{", "half a JWE": "a.b.c.d.e",
			"public alone":    strings.Replace(good, `"d":"`+d+`"`, `"y":""`, 1),
			"another x":       strings.Replace(good, x, base64.RawURLEncoding.EncodeToString(digest("x")), 1),
			"another curve":   strings.Replace(good, "Ed25519", "X25519", 1),
			"another alg":     strings.Replace(good, `"EdDSA"`, `"ES256"`, 1),
			"a kid of ours":   strings.Replace(good, `"kid":"kid"`, `"kid":"`+present+`"`, 1),
			"a long kid":      strings.Replace(good, `"kid":"kid"`, `"kid":"`+strings.Repeat("k", 129)+`"`, 1),
			"a symmetric key": `{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`,
		} {
			if kids, err := admin.ImportKeys(t.Context(), []byte(document), nil); err == nil {
				t.Errorf("%s: imported %q", name, kids)
			} else if strings.Contains(err.Error(), d) {
				t.Errorf("%s: the error shows the key", name)
			}
		}
	})
}

// TestReseal: after a change of the key-encryption key the same keys sign and
// verify, and the former one opens nothing.
func TestReseal(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, one, _ func(*Config)) {
		with := func(kek []byte) func(*Config) { return func(c *Config) { one(c); c.Keys.EncryptionKey = kek } }
		next := digest("the next key-encryption key")
		h := serverFor(t, with(testKEK))
		h.register("ann")
		token := h.login("ann").AccessToken
		admin := adminOf(h, with(testKEK))
		if _, err := admin.ResealKeys(t.Context(), make([]byte, 32)); err == nil {
			t.Error("a key of zeros is taken")
		}
		if count, err := admin.ResealKeys(t.Context(), next); err != nil || count != 1 {
			t.Fatalf("%d keys, %v", count, err)
		}
		if _, err := admin.ResealKeys(t.Context(), next); err == nil || !strings.Contains(err.Error(), "does not open") {
			t.Errorf("the former key still opens them: %v", err)
		}
		again := serverFor(t, with(next))
		again.valid(token, "")
		if got := again.login("ann").AccessToken; segmentOf(got) != segmentOf(token) {
			t.Error("another key signs")
		}
		config := Config{Clock: h.clock}
		with(testKEK)(&config)
		if server, err := Open(t.Context(), config); err == nil {
			_ = server.Close()
			t.Error("a server starts with the former key")
		}
	})
}
