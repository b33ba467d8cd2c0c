package main

import (
	"errors"
	"slices"
	"sync"
)

var (
	errDuplicate = errors.New("quote is already a favorite")
	errTooMany   = errors.New("too many favorites")
)

type favorite struct {
	QuoteID   string `json:"quoteId"`
	CreatedAt string `json:"createdAt"`
}

// favorites keeps each user's favorites in memory, oldest first: they end with
// the process.
type favorites struct {
	mu     sync.Mutex
	byUser map[string][]favorite
}

func newFavorites() *favorites { return &favorites{byUser: make(map[string][]favorite)} }

// of returns a copy, never nil.
func (f *favorites) of(user string) []favorite {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]favorite{}, f.byUser[user]...)
}

// add fails with errDuplicate or errTooMany.
func (f *favorites) add(user, quote string) (favorite, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.find(user, quote) >= 0:
		return favorite{}, errDuplicate
	case len(f.byUser[user]) >= maxFavorites:
		return favorite{}, errTooMany
	}
	added := favorite{quote, timestamp()}
	f.byUser[user] = append(f.byUser[user], added)
	return added, nil
}

// remove tells whether the quote was a favorite.
func (f *favorites) remove(user, quote string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.find(user, quote)
	if i < 0 {
		return false
	}
	f.byUser[user] = slices.Delete(f.byUser[user], i, i+1)
	return true
}

// find is called with the lock held; -1 when there is none.
func (f *favorites) find(user, quote string) int {
	return slices.IndexFunc(f.byUser[user], func(have favorite) bool { return have.QuoteID == quote })
}
