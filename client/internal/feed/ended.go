package feed

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// maxEnded is how many ended sessions are held, in about 12 MiB.
	maxEnded = 1 << 18
	// tidyEvery is how often those that no longer matter are dropped.
	tidyEvery = time.Minute
)

// ended holds the sessions that ended. One goroutine adds to it, any may ask.
type ended struct {
	filter atomic.Pointer[filter]

	mu    sync.RWMutex
	until map[wire.SessionDigest]int64 // Unix seconds

	// These belong to the goroutine that adds.
	most   int
	tidied time.Time
}

func newEnded() *ended {
	e := &ended{most: maxEnded, until: map[wire.SessionDigest]int64{}}
	e.filter.Store(new(filter))
	return e
}

// has reports whether a session has ended. Nearly every session has not, and
// then the filter says so without a lock.
func (e *ended) has(session wire.SessionDigest, now time.Time) bool {
	if !e.filter.Load().maybe(session) {
		return false
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return now.Unix() < e.until[session]
}

func (e *ended) len() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.until)
}

// add takes in the sessions of an event. It is false where they are more than
// are held.
func (e *ended) add(sessions []wire.EndedSession, now time.Time, latest time.Duration) bool {
	if now.Sub(e.tidied) >= tidyEvery || now.Before(e.tidied) {
		e.tidy(now)
	}
	if len(sessions) == 0 {
		return true
	}
	limit := now.Add(latest).Unix()
	held := e.filter.Load()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range sessions {
		until := min(s.Until, limit)
		if until <= now.Unix() {
			continue
		}
		if known, there := e.until[s.ID]; there {
			e.until[s.ID] = max(known, until)
			continue
		}
		if len(e.until) >= e.most {
			return false
		}
		e.until[s.ID] = until
		held.add(s.ID)
	}
	return true
}

// tidy drops the sessions of which no access token can be good any more.
func (e *ended) tidy(now time.Time) {
	e.tidied = now
	rest, held := map[wire.SessionDigest]int64{}, new(filter)
	e.mu.RLock()
	before := len(e.until)
	for session, until := range e.until {
		if now.Unix() < until {
			rest[session] = until
			held.add(session)
		}
	}
	e.mu.RUnlock()
	if len(rest) == before {
		return
	}
	e.mu.Lock()
	e.until = rest
	e.mu.Unlock()
	e.filter.Store(held)
}

// filter is a Bloom filter of two bits a session. A digest is random, so that
// parts of it are the hashes. With maxEnded sessions one in six others passes.
type filter [1 << 14]atomic.Uint64

const filterBits = len(filter{}) * 64

func positions(session wire.SessionDigest) (first, second uint64) {
	return binary.LittleEndian.Uint64(session[:8]) % uint64(filterBits), binary.LittleEndian.Uint64(session[8:]) % uint64(filterBits)
}

func (f *filter) add(session wire.SessionDigest) {
	first, second := positions(session)
	f[first/64].Or(1 << (first % 64))
	f[second/64].Or(1 << (second % 64))
}

func (f *filter) maybe(session wire.SessionDigest) bool {
	first, second := positions(session)
	return f[first/64].Load()&(1<<(first%64)) != 0 && f[second/64].Load()&(1<<(second%64)) != 0
}
