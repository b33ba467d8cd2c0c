package identity

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/secret"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// heldStore holds the first batch until it is let through, and gives the token
// bad a successor that there is already.
type heldStore struct {
	store.Store
	began, pass chan struct{}
	bad, taken  store.Digest
	batches     []int
}

func (s *heldStore) Rotate(ctx context.Context, rotations []store.Rotation) []store.Rotated {
	s.batches = append(s.batches, len(rotations))
	if len(s.batches) == 1 {
		close(s.began)
		<-s.pass
	}
	for i := range rotations {
		if rotations[i].Spent == s.bad {
			rotations[i].Successor = s.taken
		}
	}
	return s.Store.Rotate(ctx, rotations)
}

// queued is a context that tells when it is waited for, as a refresh does once
// it is in the queue.
type queued struct {
	context.Context
	tell func()
}

func (q queued) Done() <-chan struct{} {
	q.tell()
	return q.Context.Done()
}

// TestBadRotationInABatch: a refresh whose successor the database does not take
// harms no other of its batch, and its token stays good.
func TestBadRotationInABatch(t *testing.T) {
	wrap := func(s store.Store) store.Store {
		return &heldStore{Store: s, began: make(chan struct{}), pass: make(chan struct{})}
	}
	eachStore(t, wrap, func(h *house) {
		held := h.config.Store.(*heldStore)
		var tokens []Tokens
		for _, name := range []string{"first", "ann", "bob", "cid"} {
			h.register(name)
			tokens = append(tokens, h.login(name))
		}
		held.bad, held.taken = secret.Hash(tokens[2].Refresh), secret.Hash(tokens[3].Refresh)
		renewed, errs := make([]Tokens, len(tokens)), make([]error, len(tokens))
		var all sync.WaitGroup
		for i, given := range tokens {
			waits := make(chan struct{})
			ctx := queued{h.Context(), sync.OnceFunc(func() { close(waits) })}
			all.Go(func() { renewed[i], errs[i] = h.Refresh(ctx, h.here(), given.Refresh) })
			<-waits
			if i == 0 {
				<-held.began
			}
		}
		close(held.pass)
		all.Wait()
		if want := []int{1, 3, 1, 1, 1}; !slices.Equal(held.batches, want) {
			h.Errorf("batches of %v, want %v", held.batches, want)
		}
		for i, err := range errs {
			if bad := i == 2; errors.Is(err, groupcommit.ErrRejected) != bad || (err != nil) != bad {
				h.Errorf("refresh %d: %v", i, err)
			}
		}
		held.bad = store.Digest{}
		renewed[2] = tokens[2]
		for _, given := range renewed {
			h.refresh(given.Refresh)
		}
	})
}
