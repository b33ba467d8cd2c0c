package storetest

import (
	"fmt"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func newKey(id string) store.Key {
	return store.Key{ID: id, PublicKey: `{"id":"` + id + `"}`, PrivateKey: "sealed " + id, CreatedAt: start}
}

func mustKeys(t *testing.T, s store.Store) []store.Key {
	t.Helper()
	keys, err := s.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	return keys
}

func signingKeys(t *testing.T, s store.Store) {
	if keys := mustKeys(t, s); len(keys) != 0 {
		t.Fatalf("keys of an empty store: %v", keys)
	}
	for _, id := range []string{"first", "second"} {
		if err := s.AddFirstKey(t.Context(), newKey(id)); err != nil {
			t.Fatal(err)
		}
		equal(t, "keys", mustKeys(t, s), []store.Key{newKey("first")})
	}
}

// firstKeyRace: servers that start together agree on one key.
func firstKeyRace(t *testing.T, s store.Store) {
	for _, err := range inParallel(8, func(i int) error { return s.AddFirstKey(t.Context(), newKey(fmt.Sprint("key", i))) }) {
		if err != nil {
			t.Error(err)
		}
	}
	if keys := mustKeys(t, s); len(keys) != 1 {
		t.Errorf("%d first keys", len(keys))
	}
}
