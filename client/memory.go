package client

import (
	"time"

	"github.com/manacore/manacore-go/internal/lru"
)

// memory stands before the judges and keeps their verdicts while they hold.
type memory struct {
	clock  Clock
	ttl    time.Duration // of a yes; 0: until it ends by itself
	lookup func(hit bool)
	yes    *lru.Cache[verdict] // nil: none is kept
	no     *lru.Cache[verdict] // likewise
}

// newMemory makes the memory that the mode and the settings leave a use for.
func newMemory(config Config) memory {
	m := memory{clock: config.Clock, ttl: config.Cache.TTL, lookup: func(bool) {}}
	if config.Trace != nil && config.Trace.CacheLookup != nil {
		m.lookup = config.Trace.CacheLookup
	}
	if config.Cache.Size > 0 && (config.Mode == ModeLocal || config.Cache.TTL > 0) {
		m.yes = lru.New[verdict](config.Cache.Size)
	}
	if config.Mode == ModeRemote && config.Cache.NegativeTTL > 0 {
		m.no = lru.New[verdict](1024)
	}
	return m
}

// find returns the verdict that is kept on a token and still holds, or nil, and
// the time at which it looked.
func (m *memory) find(text string) (found *verdict, now time.Time) {
	now = m.clock.Now()
	if m.yes != nil {
		v := m.yes.Get(text)
		if v != nil && !v.holds(now) {
			m.yes.Drop(text)
			v = nil
		}
		m.lookup(v != nil)
		if v != nil {
			return v, now
		}
	}
	if m.no != nil {
		if v := m.no.Get(text); v != nil && v.holds(now) {
			return v, now
		}
	}
	return nil, now
}

// holds tells whether a verdict may be given again: not outside its time, also
// where the clock was set back, and not once its key is gone or its key set
// may no longer serve.
func (v *verdict) holds(now time.Time) bool {
	if now.Before(v.since) || !now.Before(v.until) {
		return false
	}
	return v.key == nil || !v.key.Retired() && v.source.Serving(now)
}

// keep keeps a verdict until it ends, a yes for the TTL at most.
func (m *memory) keep(text string, v verdict) {
	switch {
	case v.until.IsZero():
	case v.err != nil && m.no != nil:
		m.no.Add(text, v)
	case v.err == nil && m.yes != nil:
		if end := v.since.Add(m.ttl); m.ttl > 0 && end.Before(v.until) {
			v.until = end
		}
		m.yes.Add(text, v)
	}
}
