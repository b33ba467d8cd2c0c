package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

func newKey(id string, age time.Duration) store.Key {
	return store.Key{
		ID: id, PublicKey: `{"id":"` + id + `"}`, PrivateKey: "sealed " + id,
		CreatedAt: start.Add(-age), TokenTTL: 15 * time.Minute,
	}
}

func mustKeys(t *testing.T, s store.Store) []store.Key {
	t.Helper()
	keys, err := s.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	return keys
}

// putKeys puts and drops keys in one transaction, in which they are listed as
// out of it.
func putKeys(t *testing.T, s store.Store, put []store.Key, drop ...string) {
	t.Helper()
	before := mustKeys(t, s)
	do(t, s, func(tx store.Tx) error {
		keys, err := tx.LockKeys()
		if err != nil {
			return err
		}
		equal(t, "keys of the transaction", keys, before)
		for _, key := range put {
			if err := tx.PutKey(key); err != nil {
				return err
			}
		}
		for _, id := range drop {
			if err := tx.DropKey(id); err != nil {
				return err
			}
		}
		return nil
	})
}

func signingKeys(t *testing.T, s store.Store) {
	if keys := mustKeys(t, s); len(keys) != 0 {
		t.Fatalf("keys of an empty store: %v", keys)
	}
	older, newer, newest := newKey("b", 2*time.Hour), newKey("a", time.Hour), newKey("c", 0)
	older.SignsFrom, older.RetiredAt, older.VerifiesUntil = start.Add(-time.Hour), start, start.Add(time.Minute)
	putKeys(t, s, []store.Key{newest, older, newer})
	equal(t, "keys", mustKeys(t, s), []store.Key{older, newer, newest})

	newer.SignsFrom, newer.TokenTTL, newer.PrivateKey = start.Add(time.Hour), 24*time.Hour, ""
	putKeys(t, s, []store.Key{newer}, older.ID, "unknown")
	equal(t, "keys", mustKeys(t, s), []store.Key{newer, newest})
	putKeys(t, s, nil)
	equal(t, "keys", mustKeys(t, s), []store.Key{newer, newest})
}

// halfChangeOfKeys: a change of which a part cannot be done changes nothing.
func halfChangeOfKeys(t *testing.T, s store.Store) {
	putKeys(t, s, []store.Key{newKey("a", time.Hour)})
	before := mustKeys(t, s)
	err := s.Tx(t.Context(), func(tx store.Tx) error {
		return steps(
			func() error { return tx.PutKey(newKey("b", 0)) },
			func() error { return tx.DropKey("a") },
			func() error { return tx.PutKey(store.Key{ID: "never created"}) },
		)
	})
	if err == nil {
		t.Error("a key of no age was stored")
	}
	equal(t, "keys after half a change", mustKeys(t, s), before)
}

// keysRace: who has locked the keys sees what was put before, so that each round
// adds one key, whoever comes first.
func keysRace(t *testing.T, s store.Store) {
	for round := range 4 {
		errs := inParallel(8, func(i int) error {
			return s.Tx(t.Context(), func(tx store.Tx) error {
				keys, err := tx.LockKeys()
				if err != nil || len(keys) > round {
					return err
				}
				return tx.PutKey(newKey(fmt.Sprintf("key %d of %d", i, round), 0))
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if keys := mustKeys(t, s); len(keys) != round+1 {
			t.Fatalf("%d keys after round %d", len(keys), round)
		}
	}
}
