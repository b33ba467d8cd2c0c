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

// Config of a Source. Every field is set, but for Snapshot, OnFetch, Announced and
// Settled.
type Config struct {
	URL      string
	HTTP     *http.Client  // follows no redirects
	Timeout  time.Duration // of one fetch as a whole
	MaxStale time.Duration // how long a stale set serves while fetches fail
	Cooldown time.Duration // between looks for kids that nobody publishes, beyond burst
	Clock    Clock
	Log      *slog.Logger
	Snapshot string // file that keeps the last good set, or ""
	OnFetch  func(Fetch)
	// Announced is called when an answer announces the feed of revocations.
	Announced func()
	// Settled tells whether every change of the key set up to now was told to
	// Changed: a kid that is not in the set is then not looked for.
	Settled func(now time.Time) bool
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
	ctx  context.Context // its end is that of every fetch
	stop context.CancelFunc
	wg   sync.WaitGroup
	warn rate.Sometimes

	set atomic.Pointer[set]
	// serveUntil is when the set stops serving without another fetch, in Unix
	// nanoseconds: the end of its freshness, or of its staleness while fetches
	// fail.
	serveUntil atomic.Int64

	mu             sync.Mutex
	running        *fetch    // nil between fetches
	started        uint64    // fetches started so far
	failures       int       // in a row
	failed         error     // the last of them; nil: none since a good fetch
	retryAt        time.Time // no fetch before it, after a failure
	stopTimer      func() bool
	pace           pace   // of the looks for kids that are not in the set
	planned        *fetch // the next of them, which the pace holds up; nil: none
	stopPlan       func() bool
	changed        chan struct{} // closed when a fetch has finished, and made anew
	restored       bool          // the snapshot was looked for
	closed         bool
	news           bool      // Changed was called, and no fetch that began at newsEverywhere or later has succeeded
	newsAfter      uint64    // the number of the last fetch that began before Changed was called
	newsEverywhere time.Time // when every server of the issuer has what Changed told of

	places chan struct{} // one is taken by each caller that waits for planned
}

// fetch is one fetch. What it came to may be read once done is closed.
type fetch struct {
	kid    string    // that it is to bring; "": it is a look at the whole set
	paced  bool      // it was taken from the pace
	forced bool      // caches on the way are asked not to answer by themselves
	number uint64    // of the order in which fetches start
	begun  time.Time // set when it starts
	done   chan struct{}
	stored bool // a cache answered, with what is older than the question
	err    error
}

// New makes a Source. It does no I/O: the first Find or Ready does.
func New(cfg Config) *Source {
	ctx, stop := context.WithCancel(context.Background())
	return &Source{
		cfg: cfg, ctx: ctx, stop: stop,
		changed: make(chan struct{}),
		warn:    rate.Sometimes{First: 1, Interval: time.Minute},
		pace:    pace{interval: cfg.Cooldown},
		places:  make(chan struct{}, maxWaiting),
	}
}

// Close ends running fetches and waits for them.
func (s *Source) Close() {
	s.mu.Lock()
	s.closed = true
	if s.stopTimer != nil {
		s.stopTimer()
	}
	if s.planned != nil {
		s.stopPlan()
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
// takes. Where ctx ends before, the error is that of the last fetch as well.
func (s *Source) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if s.Serving(s.cfg.Clock.Now()) {
			return nil
		}
		// During the pause after a failure nothing starts here: the timer does.
		if _, _, err := s.join(ctx, "", true); errors.Is(err, errClosed) {
			return err
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return errClosed
		case <-ctx.Done():
			return fault.Unavailable(s.because(context.Cause(ctx)))
		}
	}
}

// because adds to the end of a wait why no fetch ended it.
func (s *Source) because(end error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		return end
	}
	return fmt.Errorf("%w (%w)", s.failed, end)
}

// Prime starts the first fetch, if there was none, and does not wait.
func (s *Source) Prime(ctx context.Context) {
	if s.set.Load() == nil {
		_, _, _ = s.join(ctx, "", true) // an error here is the next caller's
	}
}

// Find returns the key of this kid: at once where the set has it and serves,
// else after a few fetches. good tells whether form and claims of the token
// hold: one that is refused anyway sets off no look, and waits for none, where
// the set serves and lacks its kid. The error is fault.ErrUnknownKey where a
// current set has no such key, fault.ErrKeyPending where the next look is too far
// away, too many wait for it, or a cache on the way answered it with an older set,
// and else fault.ErrUnavailable where that can't be told.
func (s *Source) Find(ctx context.Context, kid string, good bool) (*Key, error) {
	if key := s.Held(kid); key != nil {
		return key, nil
	}
	s.mu.Lock()
	arrival := s.started
	s.mu.Unlock()
	for {
		f, begun, err := s.join(ctx, kid, good)
		if err != nil {
			return nil, err
		}
		if begun {
			err = f.wait(ctx)
		} else {
			err = s.await(ctx, f)
		}
		// A fetch that was already running when this call arrived may have
		// read the set from before the key was published.
		current := err == nil && f.number > arrival
		key := s.set.Load().key(kid)
		switch {
		case key != nil && (current || s.Serving(s.cfg.Clock.Now())):
			return key, nil // also after a failed fetch, while the set may serve
		case err != nil:
			return nil, fault.Unavailable(err)
		case current && !f.stored:
			return nil, fault.ErrUnknownKey
		case current && f.kid != "":
			return nil, fault.ErrKeyPending // the cache was asked not to do that
		}
	}
}

// join returns the running fetch or starts one. It starts none during the pause
// after a failure. For an unknown kid the pace decides when to start: a fetch
// that has not begun is one that await has to wait for. kid is empty for a look
// at the whole set.
func (s *Source) join(ctx context.Context, kid string, good bool) (f *fetch, begun bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, errClosed
	}
	s.restore(ctx)
	now := s.cfg.Clock.Now()
	set := s.set.Load()
	serving := s.Serving(now)
	unknown := kid != "" && serving && set.key(kid) == nil
	switch {
	case serving && !unknown:
		return finished, true, nil
	case unknown && (!good || s.settled(now)):
		return nil, false, fault.ErrUnknownKey
	case s.running != nil:
		return s.running, true, nil
	case now.Before(s.retryAt):
		return nil, false, errPause
	case unknown && !s.pace.take(now):
		f, err := s.plan(ctx, kid, now)
		return f, false, err
	}
	return s.start(ctx, kid, unknown), true, nil
}

var (
	finished  = &fetch{done: closedChannel()}
	errClosed = fault.New(fault.ErrUnavailable, "the client is closed")
	errPause  = fault.New(fault.ErrUnavailable, "the last fetch of the JWKS failed")
)

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
