// Package lru remembers what a token turned out to be, for the client and for
// the auth server.
package lru

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sys/cpu"
)

// shardCount spreads the lock: a single one makes an LRU slower on two cores
// than on one.
const shardCount = 16

// Cache is a bounded least-recently-used map from the whole text of a token.
// It is safe for concurrent use. Expiry is the values' own business.
type Cache[V any] struct {
	seed         maphash.Seed
	shards       [shardCount]shard[V]
	hits, misses tally
}

type shard[V any] struct {
	// last is what was found last. One token under heavy use is read from here
	// without the lock, which spreading can't spare it.
	last atomic.Pointer[entry[V]]
	mu   sync.Mutex
	lru  *simplelru.LRU[string, *entry[V]]
	_    cpu.CacheLinePad
}

type entry[V any] struct {
	text  string
	value V
}

// New makes a cache for about size tokens, at least one a shard.
func New[V any](size int) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed()}
	for i := range c.shards {
		// The only error is a size below 1.
		c.shards[i].lru, _ = simplelru.NewLRU[string, *entry[V]](max(1, size/shardCount), nil)
	}
	return c
}

// shard goes by the end of the text, which in a token is the end of its
// signature: any part of that is as random as the whole.
func (c *Cache[V]) shard(text string) *shard[V] {
	const enough = 16
	return &c.shards[maphash.String(c.seed, text[max(0, len(text)-enough):])%shardCount]
}

// Get returns what Add stored for this very text; it is not to be changed. nil
// where there is nothing.
func (c *Cache[V]) Get(text string) *V {
	s := c.shard(text)
	if e := s.last.Load(); e != nil && e.text == text {
		c.hits.add(1)
		return &e.value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.lru.Get(text)
	if !ok {
		c.misses.add(1)
		return nil
	}
	c.hits.add(1)
	s.last.Store(e)
	return &e.value
}

// Add stores value and drops what was used least recently where there is no
// room. It copies text, which may be a part of something large.
func (c *Cache[V]) Add(text string, value V) {
	text = strings.Clone(text)
	s := c.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Add(text, &entry[V]{text, value})
	s.last.Store(nil) // it may hold another value for text
}

// Drop removes what Get returned and proved to be out of date: the hit was a
// miss.
func (c *Cache[V]) Drop(text string) {
	s := c.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lru.Remove(text)
	s.last.Store(nil)
	c.hits.add(-1)
	c.misses.add(1)
}

// Counts tells how often Get found something, how often not, and how many
// tokens are held.
func (c *Cache[V]) Counts() (hits, misses uint64, length int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		length += s.lru.Len()
		s.mu.Unlock()
	}
	return c.hits.sum(), c.misses.sum(), length
}
