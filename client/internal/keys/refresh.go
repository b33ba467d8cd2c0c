package keys

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"github.com/manacore/manacore-go/internal/recovery"
)

// start runs a fetch on its own goroutine. Its context has the values of ctx, so
// that a trace goes on, and not its end: a caller that gives up fails only itself.
// The fetch is the planned one, if there is one, so that nobody waits longer than
// for the next. The caller holds mu.
func (s *Source) start(ctx context.Context, kid string, paced bool) *fetch {
	f := s.planned
	if f == nil {
		f = &fetch{kid: kid, done: make(chan struct{})}
	} else {
		s.stopPlan()
		s.planned = nil
	}
	s.started++
	f.number, f.begun, f.paced, f.forced = s.started, s.cfg.Clock.Now(), paced, f.kid != "" || s.news
	s.running = f
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)() // Close ends it
		var etag string
		if set := s.set.Load(); set != nil {
			etag = set.etag
		}
		begun := s.cfg.Clock.Now()
		var a answer
		err := fault.ErrPanic
		defer func() { s.finish(f, begun, a, err) }()
		recovery.Run(s.cfg.Log, "the JWKS was being fetched", func() {
			a, err = s.get(ctx, etag, f.forced)
		})
	})
	return f
}

// finish takes in the outcome of a fetch, tells of it, and then lets those go
// on who wait for it.
func (s *Source) finish(f *fetch, begun time.Time, a answer, err error) {
	now := s.cfg.Clock.Now()
	f.err, f.stored = err, a.age > now.Sub(begun)
	s.mu.Lock()
	var next time.Duration
	if err == nil {
		next = s.accept(a, begun)
	} else {
		next = s.fail(now, err)
	}
	missing := f.kid != "" && s.set.Load().key(f.kid) == nil
	// Only a look in vain counts: a stranger can set off no other, and a rotation
	// right after another is not held up.
	if f.paced && (err != nil || !missing) {
		s.pace.giveBack()
	}
	s.mu.Unlock()

	defer s.release(f, next)
	recovery.Run(s.cfg.Log, "a fetch of the JWKS was being reported", func() {
		s.report(a, Fetch{URL: s.cfg.URL, Duration: now.Sub(begun), Keys: s.Len(), Err: err}, f.stored && missing)
	})
}

// release lets those go on who wait for a fetch, plans the next one, and keeps
// what the fetch brought.
func (s *Source) release(f *fetch, next time.Duration) {
	s.mu.Lock()
	s.running = nil
	s.schedule(next)
	close(f.done)
	close(s.changed)
	s.changed = make(chan struct{})
	s.heard(f)
	s.mu.Unlock()
	if f.err == nil {
		recovery.Run(s.cfg.Log, "the JWKS snapshot was being written", s.save)
	}
}

// schedule plans the next look in the background. The caller holds mu.
func (s *Source) schedule(after time.Duration) {
	if s.stopTimer != nil {
		s.stopTimer()
	}
	if !s.closed {
		s.stopTimer = s.cfg.Clock.AfterFunc(after, s.refresh)
	}
}

// accept makes a the set, and returns when to refresh it: a little before it
// is stale. Freshness counts from the moment the request was sent. The caller
// holds mu.
func (s *Source) accept(a answer, begun time.Time) time.Duration {
	fresh := defaultFresh
	if a.maxAge >= 0 {
		fresh = min(max(a.maxAge, minFresh), maxFresh)
	}
	old := s.set.Load()
	next := &set{etag: a.etag, raw: a.raw, fetched: begun, fresh: fresh}
	if a.notModified {
		next.raw, next.keys = old.raw, old.keys
	} else {
		next.keys = carry(old, a.doc)
	}
	s.use(next)
	if old != nil {
		for kid, key := range old.keys {
			if next.keys[kid] != key {
				key.retired.Store(true)
			}
		}
	}
	s.failures, s.failed, s.retryAt = 0, nil, time.Time{}
	return jitter(fresh*3/4, fresh/10)
}

// use makes next the set and lets it serve while it is fresh.
func (s *Source) use(next *set) {
	s.set.Store(next)
	s.serveUntil.Store(next.fetched.Add(next.fresh).UnixNano())
}

// carry builds the new key map and keeps the *Key of a key that stays.
func carry(old *set, doc document) map[string]*Key {
	keys := make(map[string]*Key, len(doc.keys))
	for kid, public := range doc.keys {
		if key := old.key(kid); key != nil && key.Public.Equal(public) {
			keys[kid] = key
		} else {
			keys[kid] = &Key{Public: public}
		}
	}
	return keys
}

// fail leaves the last good set serving until its staleness ends, and returns
// the pause before the next try. The caller holds mu.
func (s *Source) fail(now time.Time, err error) time.Duration {
	if set := s.set.Load(); set != nil {
		s.serveUntil.Store(set.fetched.Add(set.fresh + s.cfg.MaxStale).UnixNano())
	}
	pause := jitter(min(firstBackoff<<min(s.failures, 10), maxBackoff), maxBackoff)
	s.failures++
	s.failed = err
	s.retryAt = now.Add(pause)
	return pause
}

// jitter shortens d by a random part, at most by spread and by half of d.
func jitter(d, spread time.Duration) time.Duration {
	return d - rand.N(min(spread, d/2))
}

// refresh is the timer's: it looks for a newer set in the background.
func (s *Source) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.running == nil {
		s.start(s.ctx, "", false)
	}
}

// report tells the log and the hook of a fetch. passedOver says that a cache was
// asked for a kid, and answered with a set from before the question without it.
func (s *Source) report(a answer, f Fetch, passedOver bool) {
	if a.doc.private {
		s.cfg.Log.Error("the JWKS publishes private key material; that key is refused", "url", f.URL)
	}
	switch {
	case f.Err != nil && s.ctx.Err() == nil: // Close ends fetches, too
		s.warn.Do(func() {
			s.cfg.Log.Warn("the JWKS could not be fetched; the last good key set serves while it may", "url", f.URL, "err", f.Err)
		})
	case f.Err == nil && passedOver:
		s.warn.Do(func() {
			s.cfg.Log.Warn("a cache answered with a JWKS that is older than the question: until it lets Cache-Control: no-cache through, a new key is not seen at once",
				"url", f.URL, "age", a.age)
		})
	}
	if a.feed && f.Err == nil && s.cfg.Announced != nil {
		s.cfg.Announced()
	}
	if s.cfg.OnFetch != nil {
		s.cfg.OnFetch(f)
	}
}
