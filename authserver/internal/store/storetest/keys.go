package storetest

import (
	"context"
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

// changeKeys makes one change and checks what the decision got to see.
func changeKeys(t *testing.T, s store.Store, change store.KeyChange) {
	t.Helper()
	before := mustKeys(t, s)
	if err := s.ChangeKeys(t.Context(), func(keys []store.Key) (store.KeyChange, error) {
		equal(t, "keys to decide about", keys, before)
		return change, nil
	}); err != nil {
		t.Fatalf("ChangeKeys: %v", err)
	}
}

func signingKeys(t *testing.T, s store.Store) {
	if keys := mustKeys(t, s); len(keys) != 0 {
		t.Fatalf("keys of an empty store: %v", keys)
	}
	older, newer, newest := newKey("b", 2*time.Hour), newKey("a", time.Hour), newKey("c", 0)
	older.SignsFrom, older.RetiredAt = start.Add(-time.Hour), start
	changeKeys(t, s, store.KeyChange{Put: []store.Key{newest, older, newer}})
	equal(t, "keys", mustKeys(t, s), []store.Key{older, newer, newest})

	newer.SignsFrom, newer.TokenTTL, newer.PrivateKey = start.Add(time.Hour), 24*time.Hour, ""
	changeKeys(t, s, store.KeyChange{Put: []store.Key{newer}, Drop: []string{older.ID, "unknown"}})
	equal(t, "keys", mustKeys(t, s), []store.Key{newer, newest})
	changeKeys(t, s, store.KeyChange{})
	equal(t, "keys", mustKeys(t, s), []store.Key{newer, newest})
}

// keyChangeFails: a decision that ends in an error changes nothing, nor does
// a change of which a part cannot be done.
func keyChangeFails(t *testing.T, s store.Store) {
	changeKeys(t, s, store.KeyChange{Put: []store.Key{newKey("a", time.Hour)}})
	before := mustKeys(t, s)
	added := store.KeyChange{Put: []store.Key{newKey("b", 0)}, Drop: []string{"a"}}
	undecided := errors.New("undecided")
	err := s.ChangeKeys(t.Context(), func([]store.Key) (store.KeyChange, error) { return added, undecided })
	if !errors.Is(err, undecided) {
		t.Errorf("ChangeKeys = %v, want the decision's error", err)
	}
	equal(t, "keys after no decision", mustKeys(t, s), before)

	half := store.KeyChange{Put: []store.Key{newKey("b", 0), {ID: "never created"}}}
	if err := s.ChangeKeys(t.Context(), func([]store.Key) (store.KeyChange, error) { return half, nil }); err == nil {
		t.Error("a key of no age was stored")
	}
	equal(t, "keys after half a change", mustKeys(t, s), before)

	stopped, stop := context.WithCancel(t.Context())
	err = s.ChangeKeys(stopped, func([]store.Key) (store.KeyChange, error) {
		stop()
		return added, nil
	})
	if err == nil {
		t.Error("a change was made that nobody waits for")
	}
	equal(t, "keys after a call that was given up", mustKeys(t, s), before)
}

// keyChangeRace: who decides sees what was decided before, so that each round
// adds one key, whoever comes first.
func keyChangeRace(t *testing.T, s store.Store) {
	for round := range 4 {
		for _, err := range inParallel(8, func(i int) error {
			return s.ChangeKeys(t.Context(), func(keys []store.Key) (store.KeyChange, error) {
				if len(keys) > round {
					return store.KeyChange{}, nil
				}
				return store.KeyChange{Put: []store.Key{newKey(fmt.Sprintf("key %d of %d", i, round), 0)}}, nil
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		if keys := mustKeys(t, s); len(keys) != round+1 {
			t.Fatalf("%d keys after round %d", len(keys), round)
		}
	}
}
