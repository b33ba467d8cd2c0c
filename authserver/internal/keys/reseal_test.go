package keys

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// resealing is a database whose keys get another key-encryption key before the
// next transaction.
type resealing struct {
	*memory
	reseal func()
}

func (r *resealing) Tx(ctx context.Context, f func(store.Tx) error) error {
	if reseal := r.reseal; reseal != nil {
		r.reseal = nil
		reseal()
	}
	return r.memory.Tx(ctx, f)
}

// TestResealComesBetween: nothing is sealed with a key-encryption key that was
// the right one when it was looked at, and is not when the key is stored. No
// server could open the row, and none would start.
func TestResealComesBetween(t *testing.T) {
	t.Parallel()
	former, next := kekOf("former"), kekOf("next")
	document, err := encodeSet([]store.Key{newKey(t, "foreign", former)}, former)
	if err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func(o Operator, k *Keeper) error{
		"rotate": func(o Operator, _ *Keeper) error { return o.Rotate(t.Context()) },
		"retire": func(o Operator, k *Keeper) error { return o.Retire(t.Context(), k.signing) },
		"import": func(o Operator, _ *Keeper) error {
			_, err := o.Import(t.Context(), document, nil)
			return err
		},
		"reseal": func(o Operator, _ *Keeper) error {
			_, err := o.Reseal(t.Context(), kekOf("another"))
			return err
		},
		"poll": func(_ Operator, k *Keeper) error { return k.Poll(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := clocktest.New(created)
			db := &resealing{memory: &memory{}}
			c := config(t, db.memory, clock, &bytes.Buffer{})
			c.Store, c.KEK = db, KEKSource{Key: former}
			k, err := OpenKeeper(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			clock.Jump(time.Hour) // the next key is due
			o := NewOperator(c)
			var rows []store.Key
			db.reseal = func() {
				if _, err := o.Reseal(t.Context(), next); err != nil {
					t.Error(err)
				}
				rows = slices.Clone(db.rows)
			}
			if err := act(o, k); !errors.Is(err, ErrWrongKEK) {
				t.Errorf("%v, want ErrWrongKEK", err)
			}
			if diff := cmp.Diff(rows, db.rows); diff != "" {
				t.Errorf("keys (-before +after):\n%s", diff)
			}
		})
	}
}

// kekOf is a key-encryption key that looks like a random one.
func kekOf(text string) []byte {
	kek, err := KEKSource{Key: []byte("0123456789abcdefghijklmnopqrstuv")}.Derive(text)
	if err != nil {
		panic(err)
	}
	return kek
}
