// Package keys holds an issuer's public keys: it fetches the JWKS, keeps the
// last good set, refreshes it before it is stale, and looks for a key it does
// not know. What it promises is in docs/resilience.md.
package keys

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/client/internal/fault"
	"golang.org/x/time/rate"
)

const (
	// The server's max-age is held to this range, in which a set is fresh.
	minFresh     = 30 * time.Second
	maxFresh     = 10 * time.Minute
	defaultFresh = 5 * time.Minute

	// The pause after a failed fetch grows from the first to the second, and
	// is drawn from its upper half so that replicas do not move in step.
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 2 * time.Second
)

// Clock is the source's time.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Config of a Source. Every field is set, but for Snapshot and OnFetch.
type Config struct {
	URL      string
	HTTP     *http.Client  // follows no redirects
	Timeout  time.Duration // of one fetch as a whole
	MaxStale time.Duration // how long a stale set serves while fetches fail
	Cooldown time.Duration // after a fetch for a kid that nobody publishes
	Clock    Clock
	Log      *slog.Logger
	Snapshot string // file that keeps the last good set, or ""
	OnFetch  func(Fetch)
}

// Fetch is one finished fetch.
type Fetch struct {
	URL      string
	Duration time.Duration
	Keys     int // usable keys in the set now held
	Err      error
}

// Key is one public key. The same key keeps its *Key through refreshes.
type Key struct {
	Public  ed25519.PublicKey
	retired atomic.Bool
}

// Retired tells that the issuer no longer publishes the key.
func (k *Key) Retired() bool { return k.retired.Load() }

// set is a good key set; it is never changed.
type set struct {
	keys    map[string]*Key
	raw     []byte // the document that keys was read from
	etag    string
	fetched time.Time
	fresh   time.Duration // freshness lifetime, counted from fetched
}

func (s *set) key(kid string) *Key {
	if s == nil {
		return nil
	}
	return s.keys[kid]
}

// Source is an issuer's key set. It is safe for concurrent use.
type Source struct {
	cfg  Config
	ctx  context.Context // of the fetches: a caller that gives up fails only itself
	stop context.CancelFunc
	wg   sync.WaitGroup
	warn rate.Sometimes

	set atomic.Pointer[set]
	// serveUntil is when the set stops serving without another fetch, in Unix
	// nanoseconds: the end of its freshness, or of its staleness while fetches
	// fail.
	serveUntil atomic.Int64

	mu        sync.Mutex
	running   *fetch    // nil between fetches
	started   uint64    // fetches started so far
	failures  int       // in a row
	retryAt   time.Time // no fetch before it, after a failure
	unknownAt time.Time // no fetch for an unknown kid before it
	stopTimer func() bool
	changed   chan struct{} // closed when a fetch has finished, and made anew
	restored  bool          // the snapshot was looked for
	closed    bool
}

// fetch is one running fetch. err may be read once done is closed.
type fetch struct {
	number uint64
	done   chan struct{}
	err    error
}

// New makes a Source. It does no I/O: the first Find or Ready does.
func New(cfg Config) *Source {
	ctx, stop := context.WithCancel(context.Background())
	return &Source{
		cfg: cfg, ctx: ctx, stop: stop,
		changed: make(chan struct{}),
		warn:    rate.Sometimes{First: 1, Interval: time.Minute},
	}
}

// Close ends running fetches and waits for them.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	if s.stopTimer != nil {
		s.stopTimer()
	}
	s.mu.Unlock()
	s.stop()
	s.wg.Wait()
}

// Serving tells whether the set may be used at now without another look.
func (s *Source) Serving(now time.Time) bool { return now.UnixNano() < s.serveUntil.Load() }

// Len is the number of keys held.
func (s *Source) Len() int {
	if set := s.set.Load(); set != nil {
		return len(set.keys)
	}
	return 0
}

// Ready waits until there is a set that serves, through as many fetches as it
// takes.
func (s *Source) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.Serving(s.cfg.Clock.Now()) {
			return nil
		}
		// During the pause after a failure nothing starts here: the timer does.
		if _, err := s.join(""); errors.Is(err, errClosed) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return unavailable(context.Cause(ctx))
		}
	}
}

// Prime starts the first fetch, if there was none, and does not wait.
func (s *Source) Prime() {
	if s.set.Load() == nil {
		_, _ = s.join("") // an error here is the next caller's
	}
}

// Find returns the key of this kid: at once where the set has it and serves,
// else after at most two fetches. The error is fault.UnknownKey where a
// current set has no such key, and fault.Unavailable where that can't be told.
func (s *Source) Find(ctx context.Context, kid string) (*Key, error) {
	if key := s.set.Load().key(kid); key != nil && s.Serving(s.cfg.Clock.Now()) {
		return key, nil
	}
	s.mu.Lock()
	arrival := s.started
	s.mu.Unlock()
	for {
		f, err := s.join(kid)
		if err != nil {
			return nil, err
		}
		err = f.wait(ctx)
		// A fetch that was already running when this call arrived may have
		// read the set from before the key was published.
		current := err == nil && f.number > arrival
		key := s.set.Load().key(kid)
		switch {
		case key != nil && (current || s.Serving(s.cfg.Clock.Now())):
			return key, nil // also after a failed fetch, while the set may serve
		case err != nil:
			return nil, unavailable(err)
		case current:
			return nil, fault.UnknownKey
		}
	}
}

// join returns the running fetch or starts one. It starts none during the
// pause after a failure, nor for an unknown kid during the cooldown. kid is
// empty for a look at the whole set.
func (s *Source) join(kid string) (*fetch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	s.restore()
	now := s.cfg.Clock.Now()
	set := s.set.Load()
	serving := s.Serving(now)
	unknown := kid != "" && serving && set.key(kid) == nil
	switch {
	case serving && !unknown:
		return finished, nil
	case s.running != nil:
		return s.running, nil
	case now.Before(s.retryAt):
		return nil, errPause
	case unknown && now.Before(s.unknownAt):
		return nil, fault.UnknownKey
	}
	return s.start(kid), nil
}

var (
	finished  = &fetch{done: closedChannel()}
	errClosed = fault.New(fault.Unavailable, "the client is closed")
	errPause  = fault.New(fault.Unavailable, "the last fetch of the JWKS failed")
)

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", fault.Unavailable, err) }

func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// start runs a fetch on its own goroutine and context. The caller holds mu.
func (s *Source) start(kid string) *fetch {
	s.started++
	f := &fetch{number: s.started, done: make(chan struct{})}
	s.running = f
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
		defer cancel()
		var etag string
		if set := s.set.Load(); set != nil {
			etag = set.etag
		}
		begun := s.cfg.Clock.Now()
		a, err := s.get(ctx, etag)
		s.finish(f, kid, begun, a, err)
	})
	return f
}

// finish takes in the outcome of a fetch, tells of it, and then lets those go
// on who wait for it.
func (s *Source) finish(f *fetch, kid string, begun time.Time, a answer, err error) {
	now := s.cfg.Clock.Now()
	s.mu.Lock()
	var next time.Duration
	if err == nil {
		next = s.accept(a, begun)
		// Only a look in vain takes the cooldown: a stranger can set off no
		// other, and a rotation right after another is not held up.
		if kid != "" && s.set.Load().key(kid) == nil {
			s.unknownAt = begun.Add(s.cfg.Cooldown)
		}
	} else {
		next = s.fail(now)
	}
	s.mu.Unlock()
	s.report(a, Fetch{URL: s.cfg.URL, Duration: now.Sub(begun), Keys: s.Len(), Err: err})

	s.mu.Lock()
	f.err = err
	s.running = nil
	s.schedule(next)
	close(f.done)
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	if err == nil {
		s.save()
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
	s.failures, s.retryAt = 0, time.Time{}
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

// fail leaves the last good set serving until its staleness ends, refills the
// cooldown and returns the pause before the next try. The caller holds mu.
func (s *Source) fail(now time.Time) time.Duration {
	if set := s.set.Load(); set != nil {
		s.serveUntil.Store(set.fetched.Add(set.fresh + s.cfg.MaxStale).UnixNano())
	}
	pause := jitter(min(firstBackoff<<min(s.failures, 10), maxBackoff), maxBackoff)
	s.failures++
	s.unknownAt = time.Time{}
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
		s.start("")
	}
}

func (s *Source) report(a answer, f Fetch) {
	if a.doc.private {
		s.cfg.Log.Error("the JWKS publishes private key material; that key is refused", "url", f.URL)
	}
	if f.Err != nil {
		s.warn.Do(func() {
			s.cfg.Log.Warn("the JWKS could not be fetched; the last good key set serves while it may", "url", f.URL, "err", f.Err)
		})
	}
	if s.cfg.OnFetch != nil {
		s.cfg.OnFetch(f)
	}
}
