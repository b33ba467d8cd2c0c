package feed

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/internal/httpcall"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit))
}

var ada = wire.DigestSession("ada's session")

// fewEnded is how many sessions the feed of a rig holds.
const fewEnded = 2000

// systemClock is the bubble's time.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }
func (systemClock) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

// rig is a feed of an issuer, in a bubble whose time passes while all wait.
type rig struct {
	*testing.T
	issuer *authtest.Issuer
	feed   *Feed
	log    *lockedBuffer
	keys   chan struct{} // holds one for each change of the keys
	panics atomic.Bool   // the next change of the keys panics
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), text)
}

// inBubble runs a test with a feed that has begun. between, where it is not nil,
// stands between the feed and the issuer.
func inBubble(t *testing.T, between func(http.RoundTripper) http.RoundTripper, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		r := &rig{T: t, log: new(lockedBuffer), keys: make(chan struct{}, 100)}
		r.issuer = authtest.NewIssuer(t, authtest.WithoutSockets(), authtest.WithRevocations())
		client, closeIdle := httpcall.Client(r.issuer.HTTPClient())
		defer closeIdle()
		if between != nil {
			client.Transport = between(client.Transport)
		}
		r.feed = New(Config{
			URL: r.issuer.URL() + wire.RevocationsPath, HTTP: client, Latest: 24 * time.Hour, Clock: systemClock{},
			Log: slog.New(slog.NewTextHandler(r.log, nil)), KeysChanged: func() {
				if r.panics.Swap(false) {
					panic("of the program")
				}
				r.keys <- struct{}{}
			},
		})
		r.feed.ended.most = fewEnded
		r.feed.Start()
		defer r.feed.Close()
		synctest.Wait()
		test(r)
	})
}

func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) fresh(want bool) {
	r.Helper()
	if got := r.feed.Fresh(time.Now()); got != want {
		r.Errorf("fresh: %v, want %v", got, want)
	}
}

func (r *rig) ended(want bool) {
	r.Helper()
	if got, _ := r.feed.Look(ada, time.Now()); got != want {
		r.Errorf("ended: %v, want %v", got, want)
	}
}

func (r *rig) logged(text string, times int) {
	r.Helper()
	if got := r.log.count(text); got != times {
		r.Errorf("%q is %d times in the log, want %d", text, got, times)
	}
}

func TestRevocationIsSeen(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.fresh(true)
		r.ended(false)
		r.issuer.Revoke("ada's session")
		synctest.Wait()
		r.ended(true)
		r.pass(21 * time.Minute) // heartbeats alone keep it fresh
		r.fresh(true)
		r.ended(false) // no token of the session can be good any more
		if stats := r.feed.Stats(); stats.Ended != 0 || stats.Connects != 1 || stats.Faults != 0 || !stats.Fresh {
			r.Errorf("%+v", stats)
		}
		r.logged("WARN", 0)
	})
}

// TestLookWhileAnEventIsTakenIn: whoever sees that the feed has become fresh
// sees the session too that the event named, as a process does that was stopped
// and reads what came meanwhile.
func TestLookWhileAnEventIsTakenIn(t *testing.T) {
	t.Parallel()
	f := New(Config{Clock: systemClock{}, Log: slog.New(slog.DiscardHandler), Latest: time.Hour, KeysChanged: func() {}})
	for n := range 2000 {
		now := time.Now()
		session := wire.DigestSession(strconv.Itoa(n))
		var all sync.WaitGroup
		var stop atomic.Bool
		for range 2 {
			all.Go(func() {
				for !stop.Load() {
					if ended, fresh := f.Look(session, now); fresh && !ended {
						t.Error("fresh, and the session is not known")
						return
					}
				}
			})
		}
		event := wire.Revocations{KnownUpTo: now.UnixMilli(), Sessions: []wire.EndedSession{{ID: session, Until: now.Add(time.Hour).Unix()}}}
		if err := f.take(&connection{begun: now}, event); err != nil {
			t.Error(err)
		}
		stop.Store(true)
		all.Wait()
		f.freshness.lost()
	}
}

func TestSilence(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.pass(10 * time.Second)
		r.issuer.SilenceRevocations()
		r.pass(slack - authtest.Heartbeat)
		r.fresh(true)
		r.pass(authtest.Heartbeat)
		r.fresh(false)
		r.pass(time.Minute)
		r.fresh(false)
		r.logged("the revocation feed is silent", 1)
		r.issuer.Revoke("ada's session")
		r.issuer.Up()
		r.pass(3 * time.Second)
		r.fresh(true)
		r.ended(true)
		r.logged("fresh again", 1)
	})
}

// TestRefused: a server that is gone, and one that has no feed.
func TestRefused(t *testing.T) {
	for name, fault := range map[string]func(*authtest.Issuer){
		"down":    (*authtest.Issuer).Down,
		"refuses": (*authtest.Issuer).Refuse,
		"hangs":   (*authtest.Issuer).Hang,
		"404": func(i *authtest.Issuer) {
			i.FaultRevocations(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
			i.Down() // ends the stream
			synctest.Wait()
			i.Up()
			i.FaultRevocations(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				fault(r.issuer)
				r.pass(time.Minute)
				r.fresh(false)
				r.logged("the revocation feed is silent", 1)
				if n := r.feed.Stats().Connects; n > 120 {
					r.Errorf("%d connections in a minute", n)
				}
				r.issuer.Revoke("ada's session")
				r.issuer.Up()
				r.pass(refusedPause)
				r.fresh(true)
				r.ended(true)
			})
		})
	}
}

// TestServerErrors: a server, or a proxy before it, that fails for a while is
// found again within a second of its return.
func TestServerErrors(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.issuer.Down() // ends the stream
				synctest.Wait()
				r.issuer.Up()
				r.issuer.FaultRevocations(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
				r.pass(time.Minute)
				r.fresh(false)
				if n := r.feed.Stats().Connects; n > 120 {
					r.Errorf("%d connections in a minute", n)
				}
				r.issuer.Revoke("ada's session")
				r.issuer.Up()
				r.pass(time.Second)
				r.fresh(true)
				r.ended(true)
			})
		})
	}
}

// TestResumed: what ends while the connection is broken is not missed, and what
// was read is not read again.
func TestResumed(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.issuer.FloodRevocations(3)
		synctest.Wait()
		r.issuer.Refuse()
		r.issuer.Revoke("ada's session")
		r.pass(time.Second)
		var resumed []string
		r.issuer.Up()
		r.issuer.FaultRevocations(func(w http.ResponseWriter, req *http.Request) {
			resumed = append(resumed, req.Header.Get(wire.LastEventID))
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		r.pass(5 * time.Second)
		r.issuer.Up()
		r.pass(refusedPause)
		r.ended(true)
		if len(resumed) == 0 || !strings.HasSuffix(resumed[0], ".3") {
			r.Errorf("resumed behind %q", resumed)
		}
	})
}

// TestBegunAnew: a server that forgot, as after a restore, sends everything that
// it knows, and what was read before stays.
func TestBegunAnew(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.issuer.Revoke("ada's session")
		synctest.Wait()
		r.issuer.ForgetRevocations()
		r.issuer.Revoke("another")
		r.pass(time.Second)
		r.ended(true)
		if ended, _ := r.feed.Look(wire.DigestSession("another"), time.Now()); !ended {
			r.Error("what ended afterwards is not known")
		}
		r.fresh(true)
	})
}

// delayed holds every byte of the answers back.
type delayed struct {
	http.RoundTripper
	by *atomic.Int64
}

func (d delayed) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := d.RoundTripper.RoundTrip(req)
	if err == nil {
		answer.Body = relayed(answer.Body, d.by)
	}
	return answer, err
}

type piece struct {
	due  time.Time
	data []byte
	err  error
}

type relay struct {
	io.Closer
	pieces chan piece
	rest   piece
}

func relayed(body io.ReadCloser, by *atomic.Int64) io.ReadCloser {
	r := &relay{Closer: body, pieces: make(chan piece, 10_000)}
	go func() {
		for {
			data := make([]byte, 4096)
			n, err := body.Read(data)
			r.pieces <- piece{due: time.Now().Add(time.Duration(by.Load())), data: data[:n], err: err}
			if err != nil {
				return
			}
		}
	}()
	return r
}

func (r *relay) Read(p []byte) (int, error) {
	if len(r.rest.data) == 0 && r.rest.err == nil {
		r.rest = <-r.pieces
		time.Sleep(time.Until(r.rest.due))
	}
	n := copy(p, r.rest.data)
	r.rest.data = r.rest.data[n:]
	if len(r.rest.data) == 0 && r.rest.err != nil {
		return n, r.rest.err
	}
	return n, nil
}

// TestRelayThatDelays: what comes late does not look fresh.
func TestRelayThatDelays(t *testing.T) {
	for _, c := range []struct {
		by    time.Duration
		fresh bool
	}{{time.Second, true}, {5 * time.Second, false}, {30 * time.Second, false}} {
		t.Run(c.by.String(), func(t *testing.T) {
			var by atomic.Int64
			between := func(next http.RoundTripper) http.RoundTripper { return delayed{next, &by} }
			inBubble(t, between, func(r *rig) {
				r.pass(10 * time.Second)
				r.fresh(true)
				by.Store(int64(c.by))
				r.pass(3 * time.Second)
				r.fresh(c.fresh)
				r.pass(2 * time.Minute)
				r.fresh(c.fresh)
				by.Store(0)
				r.pass(c.by + 3*time.Second)
				r.fresh(true)
			})
		})
	}
}

// TestLies: what a server should not send ends a connection, or is taken for
// what can be true of it.
func TestLies(t *testing.T) {
	now := func() int64 { return time.Now().UnixMilli() }
	stream := func(w http.ResponseWriter, r *http.Request, text string) {
		w.Header().Set("Content-Type", wire.EventStream)
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, c := range map[string]struct {
		text   func() string
		faults bool
	}{
		"garbage":          {func() string { return "data: garbage\n\n" }, true},
		"no instant":       {func() string { return "data: {}\n\n" }, true},
		"negative instant": {func() string { return "data: {\"knownUpTo\":-1}\n\n" }, true},
		"twice the member": {func() string { return "data: {\"knownUpTo\":1,\"knownUpTo\":2}\n\n" }, true},
		"short digest": {func() string {
			return fmt.Sprintf("data: {\"knownUpTo\":%d,\"sessions\":[{\"id\":\"AA\",\"until\":1}]}\n\n", now())
		}, true},
		"cursor with a line": {func() string { return fmt.Sprintf("data: {\"knownUpTo\":%d,\"cursor\":\"a\\nb\"}\n\n", now()) }, true},
		"long line":          {func() string { return "data: " + strings.Repeat("x", maxEvent) + "\n\n" }, true},
		"many lines":         {func() string { return strings.Repeat("data: "+strings.Repeat("x", 4000)+"\n", 100) + "\n" }, true},
		"far future": {func() string {
			return fmt.Sprintf("data: {\"knownUpTo\":1}\n\ndata: {\"knownUpTo\":%d}\n\n", int64(1)<<62)
		}, true},
		"back in time": {func() string {
			return fmt.Sprintf("data: {\"knownUpTo\":%d}\n\n", now()) + strings.Repeat("data: {\"knownUpTo\":1}\n\n", 100)
		}, true},
		"comments": {func() string { return ": hello\n\nevent: x\nretry: 5\n\n" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.issuer.Down()
				r.pass(5 * time.Second)
				r.issuer.Up()
				r.issuer.FaultRevocations(func(w http.ResponseWriter, req *http.Request) { stream(w, req, c.text()) })
				r.pass(refusedPause)
				before := r.feed.Stats().Faults
				r.pass(10 * time.Second)
				r.ended(false)
				if grown := r.feed.Stats().Faults > before; grown != c.faults {
					r.Errorf("the connections end in a fault: %v", grown)
				}
				r.issuer.FaultRevocations(nil)
				r.pass(3 * time.Second)
				r.fresh(true)
			})
		})
	}
}

// TestFutureInstantIsNotBelieved: a server that says to know what comes is
// believed up to now.
func TestFutureInstantIsNotBelieved(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	f := freshness{start: begun}
	c := &connection{begun: begun}
	c.begin(wire.Revocations{KnownUpTo: 1})
	f.read(c, 1<<62, begun.Add(time.Second))
	if !f.holds(begun.Add(time.Second + slack - 1)) {
		t.Error("not fresh within the slack")
	}
	if f.holds(begun.Add(time.Second + slack)) {
		t.Error("fresh beyond the slack")
	}
}

// TestClocksThatStandStillOrGoBack: the wall clock tells what the monotonic one
// of a suspended machine does not, and the other way round.
func TestClocksThatStandStillOrGoBack(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	f := freshness{start: begun}
	c := &connection{begun: begun}
	c.begin(wire.Revocations{KnownUpTo: 1})
	f.read(c, 1, begun)
	if !f.holds(begun.Add(time.Second)) {
		t.Error("not fresh after a second")
	}
	if slept := begun.Round(0).Add(time.Minute); f.holds(slept) {
		t.Error("fresh after a minute of sleep")
	}
	f.wall.Store(begun.Add(time.Hour).UnixNano()) // as after the wall clock was set back
	if f.holds(begun.Add(time.Minute)) {
		t.Error("fresh after a minute, as the wall clock was set back")
	}
}

// TestAnswerThatDoesNotEnd: events that always leave something open are no word
// on what is known, however many come.
func TestAnswerThatDoesNotEnd(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.issuer.Refuse()
		r.issuer.Up()
		r.issuer.FaultRevocations(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", wire.EventStream)
			for req.Context().Err() == nil {
				fmt.Fprintf(w, "data: {\"knownUpTo\":%d,\"more\":true}\n\n", time.Now().UnixMilli())
				_ = http.NewResponseController(w).Flush()
				time.Sleep(authtest.Heartbeat)
			}
		})
		r.pass(time.Minute)
		r.fresh(false)
		r.logged("the revocation feed is silent", 1)
		r.issuer.Refuse()
		r.issuer.Up()
		r.pass(3 * time.Second)
		r.fresh(true)
		r.logged("fresh again", 1)
	})
}

func TestTooMany(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.issuer.FloodRevocations(fewEnded + 1)
		r.pass(time.Second)
		r.fresh(false)
		if n := r.feed.Stats().Ended; n != fewEnded {
			r.Errorf("%d sessions are held, want %d", n, fewEnded)
		}
		r.issuer.ForgetRevocations()
		r.pass(21 * time.Minute)
		r.fresh(true)
		if n := r.feed.Stats().Ended; n != 0 {
			r.Errorf("%d sessions are held after they have ceased to matter", n)
		}
	})
}

func TestKeysChange(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		kid := r.issuer.Rotate()
		r.issuer.RemoveKey(kid)
		synctest.Wait()
		if len(r.keys) == 0 {
			r.Error("a change of the keys is not told")
		}
	})
}

// TestS10PanicOfTheFeed: a panic ends a connection, and neither the process nor the feed.
func TestS10PanicOfTheFeed(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.panics.Store(true)
		r.issuer.Rotate()
		r.pass(5 * time.Second)
		r.logged("panicked", 1)
		r.fresh(true)
	})
}

func TestServiceKey(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		var sent http.Header
		issuer := authtest.NewIssuer(t, authtest.WithoutSockets(), authtest.WithRevocations())
		issuer.FaultRevocations(func(w http.ResponseWriter, r *http.Request) {
			sent = r.Header.Clone()
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		client, closeIdle := httpcall.Client(issuer.HTTPClient())
		defer closeIdle()
		f := New(Config{
			URL: issuer.URL() + wire.RevocationsPath, HTTP: client, Latest: time.Hour, Clock: systemClock{}, Log: slog.New(slog.DiscardHandler),
			AppID: "shop", ServiceKey: "a key", KeysChanged: func() {},
		})
		f.Start()
		synctest.Wait()
		f.Close()
		f.Start() // does nothing
		if sent.Get(wire.ServiceKeyHeader) != "a key" || sent.Get(wire.AppIDHeader) != "shop" || sent.Get("Accept") != wire.EventStream {
			t.Errorf("sent %v", sent)
		}
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte("id: 1\ndata: {\"knownUpTo\":1,\"cursor\":\"1\"}\n\n"))
	f.Add([]byte("data: {\"knownUpTo\":1,\ndata: \"snapshot\":true,\"sessions\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"until\":2}]}\r\n\r\n"))
	f.Add([]byte(": x\n\ndata:\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		stream := newEvents(bytes.NewReader(text))
		for {
			event, err := stream.next()
			if err != nil {
				return
			}
			if event.KnownUpTo <= 0 || len(event.Cursor) > maxCursor || strings.ContainsAny(event.Cursor, "\r\n\x00") {
				t.Errorf("accepted %+v", event)
			}
		}
	})
}
