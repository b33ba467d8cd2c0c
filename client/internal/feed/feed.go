// Package feed reads an auth server's feed of revocations: which sessions ended
// before they expired, and when the key set changes. What it promises is in
// docs/resilience.md.
package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/recovery"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// A connection whose next event is later than this is given up. It is as
	// long as the feed may lag, so that nothing is lost by it.
	patience = slack
	// The pause before the next connection grows from the first to the second,
	// and is drawn from its upper half so that backends do not move in step. With
	// the connection before it, which may wait in vain for patience, it is less
	// than three seconds: then the feed is fresh again after an outage.
	firstPause = 100 * time.Millisecond
	maxPause   = 750 * time.Millisecond
	// A server that has no feed for this client, or more than is held here, is
	// asked at most this often. One that fails is asked as one that is away.
	refusedPause = 10 * time.Second
)

// Clock is the feed's time.
type Clock interface {
	Now() time.Time
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Config of a Feed. Every field is set, but for AppID and ServiceKey.
type Config struct {
	URL        string
	HTTP       *http.Client // follows no redirects, and has no limit on the time of a call
	AppID      string
	ServiceKey string
	// Latest is how long after now an ended session can matter at most.
	Latest time.Duration
	Clock  Clock
	Log    *slog.Logger
	// KeysChanged is called, on the goroutine that reads, when the key set has
	// changed, or may have: before a connection nobody told of it.
	KeysChanged func()
}

// Feed is the feed of one auth server. It is safe for concurrent use.
type Feed struct {
	cfg     Config
	ctx     context.Context
	stop    context.CancelFunc
	started sync.Once
	wg      sync.WaitGroup

	ended     *ended
	freshness freshness

	running          atomic.Bool
	connects, faults atomic.Uint64

	// These belong to the goroutine that reads.
	keyless bool // the service key is not one of this server's
	cursor  string
	pause   time.Duration
	silent  bool // that it is was logged
}

// New makes a Feed. It does no I/O before Start.
func New(cfg Config) *Feed {
	ctx, stop := context.WithCancel(context.Background())
	return &Feed{cfg: cfg, ctx: ctx, stop: stop, ended: newEnded(), freshness: freshness{start: cfg.Clock.Now()}}
}

// Start begins to read, in the background and until Close. A second call does
// nothing.
func (f *Feed) Start() {
	f.started.Do(func() {
		if f.ctx.Err() == nil {
			f.running.Store(true)
			f.wg.Go(f.run)
		}
	})
}

// Started reports whether Start was called.
func (f *Feed) Started() bool { return f.running.Load() }

// Close ends the connection and waits for the goroutine that reads. What was
// read stays, and is soon not fresh any more.
func (f *Feed) Close() {
	f.stop()
	f.started.Do(func() {}) // a Start that comes later does nothing
	f.wg.Wait()
}

// Look reports whether the feed named a session, and whether it is fresh: a
// session that ended more than three seconds ago would have been named. A session
// has ended also where the feed is not fresh.
func (f *Feed) Look(session wire.SessionDigest, now time.Time) (ended, fresh bool) {
	// In this order, since an event is taken in meanwhile: it adds the sessions
	// that it names before it makes the feed fresh.
	fresh = f.Fresh(now)
	return f.ended.has(session, now), fresh
}

// Fresh reports whether the feed is fresh, as Look does.
func (f *Feed) Fresh(now time.Time) bool { return f.freshness.holds(now) }

// Stats is what a Feed has done and holds.
type Stats struct {
	Fresh    bool
	Ended    int    // sessions held
	Connects uint64 // connections begun
	Faults   uint64 // connections that ended otherwise than by the server's will
}

// Stats reads the counters.
func (f *Feed) Stats() Stats {
	return Stats{
		Fresh:    f.Fresh(f.cfg.Clock.Now()),
		Ended:    f.ended.len(),
		Connects: f.connects.Load(),
		Faults:   f.faults.Load(),
	}
}

// The ways in which a connection ends. Their texts are fixed, so that nothing
// that a server sent gets into the log.
var (
	errLate     = errors.New("no event of the feed in time")
	errBehind   = errors.New("the feed lags behind")
	errUnending = errors.New("the feed's answer has not come to its end")
	errTooMany  = fmt.Errorf("more than %d ended sessions", maxEnded)
	errNoStream = errors.New("the feed was answered with a content type that is not text/event-stream")
)

// statusError is an answer that is no feed.
type statusError struct {
	status int
	after  time.Duration // what Retry-After says; 0: nothing
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the feed was answered with status %d", e.status)
}

// run reads one connection after the other. A panic of the program's own code,
// of its logger or its transport, ends one connection and not the feed.
func (f *Feed) run() {
	for f.ctx.Err() == nil {
		pause := maxPause
		recovery.Run(f.cfg.Log, "reading the revocation feed", func() { pause = f.attempt() })
		f.wait(pause)
	}
}

// attempt reads one connection and returns the pause before the next.
func (f *Feed) attempt() time.Duration {
	f.connects.Add(1)
	err := f.read()
	if f.ctx.Err() != nil {
		return 0
	}
	if err != nil {
		f.faults.Add(1)
	}
	f.tellSilence(f.cfg.Clock.Now(), err)
	return f.nextPause(err)
}

// tellSilence logs that the feed is silent, if it is and that was not logged.
func (f *Feed) tellSilence(now time.Time, err error) {
	if !f.Fresh(now) && !f.silent {
		f.silent = true
		f.cfg.Log.Warn("the revocation feed is silent: a session that ends may not be known here", "url", f.cfg.URL, "err", err)
	}
}

func (f *Feed) nextPause(err error) time.Duration {
	var refused *statusError
	longest := maxPause
	if errors.As(err, &refused) && refused.status < http.StatusInternalServerError || errors.Is(err, errTooMany) {
		longest = refusedPause
	}
	f.pause = min(max(2*f.pause, firstPause), longest)
	pause := f.pause - rand.N(f.pause/2)
	if refused != nil {
		pause = max(pause, min(refused.after, refusedPause))
	}
	return pause
}

func (f *Feed) wait(pause time.Duration) {
	over := make(chan struct{})
	stop := f.cfg.Clock.AfterFunc(pause, func() { close(over) })
	defer stop()
	select {
	case <-over:
	case <-f.ctx.Done():
	}
}

// read reads one connection to its end. nil means that the server ended it.
func (f *Feed) read() error {
	ctx, cancel := context.WithCancelCause(f.ctx)
	defer cancel(nil)
	watch := watchdog{clock: f.cfg.Clock, bark: func() { cancel(errLate) }}
	watch.feed()
	defer watch.stop()
	c := &connection{begun: f.cfg.Clock.Now()}
	body, err := f.connect(ctx)
	if err == nil {
		defer body.Close()
		err = f.follow(c, newEvents(body), &watch)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// connect asks for the feed behind the cursor.
func (f *Feed) connect(ctx context.Context) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.cfg.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", wire.EventStream)
	req.Header.Set("Cache-Control", "no-cache")
	if f.cursor != "" {
		req.Header.Set(wire.LastEventID, f.cursor)
	}
	if f.cfg.ServiceKey != "" && !f.keyless {
		req.Header.Set(wire.ServiceKeyHeader, f.cfg.ServiceKey)
		req.Header.Set(wire.AppIDHeader, f.cfg.AppID)
	}
	answer, err := f.cfg.HTTP.Do(req)
	if err != nil {
		return nil, httpcall.Cause(err)
	}
	if err := judge(answer); err != nil {
		answer.Body.Close()
		if answer.StatusCode == http.StatusUnauthorized && f.cfg.ServiceKey != "" && !f.keyless {
			f.keyless = true
			f.cfg.Log.Warn("the auth server does not take the service key (MANA_SERVICE_KEY) for the revocation feed: it is followed without", "url", f.cfg.URL)
		}
		return nil, err
	}
	return answer.Body, nil
}

func judge(answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		seconds, _ := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16)
		return &statusError{status: answer.StatusCode, after: time.Duration(seconds) * time.Second}
	}
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || media != wire.EventStream {
		return errNoStream
	}
	return nil
}

// follow takes in the events of a connection.
func (f *Feed) follow(c *connection, stream *events, watch *watchdog) error {
	for {
		event, err := stream.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errEvent), errors.Is(err, errEventSize):
			return err
		case err != nil:
			return httpcall.Cause(err)
		}
		watch.feed()
		if err := f.take(c, event); err != nil {
			return err
		}
	}
}

func (f *Feed) take(c *connection, event wire.Revocations) error {
	now := f.cfg.Clock.Now()
	if c.begin(event) {
		f.cfg.KeysChanged()
	}
	if event.Snapshot {
		f.cursor = ""
	}
	if !f.ended.add(event.Sessions, now, f.cfg.Latest) {
		f.freshness.lost()
		f.cursor = ""
		return errTooMany
	}
	if event.Cursor != "" {
		f.cursor = event.Cursor
	}
	if len(event.Keys) > 0 {
		f.cfg.KeysChanged()
	}
	if event.More {
		if now.Sub(c.begun) >= maxLag {
			f.tellSilence(now, errUnending)
		}
		return nil
	}
	f.freshness.read(c, event.KnownUpTo, now)
	if !f.Fresh(now) {
		return c.lags(now)
	}
	c.behind = time.Time{}
	f.pause = 0
	if f.silent {
		f.silent = false
		f.cfg.Log.Info("the revocation feed is fresh again", "url", f.cfg.URL)
	}
	return nil
}

// watchdog ends a connection of which no event comes in time.
type watchdog struct {
	clock Clock
	bark  func()
	off   func() bool
}

func (w *watchdog) feed() {
	w.stop()
	w.off = w.clock.AfterFunc(patience, w.bark)
}

func (w *watchdog) stop() {
	if w.off != nil {
		w.off()
	}
}
