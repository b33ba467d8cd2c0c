package authtest

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// Heartbeat is how often the feed of revocations says up to when it knows
	// everything, on the issuer's clock.
	Heartbeat = 500 * time.Millisecond
	// revokedFor is how long a session that ended stays in the feed.
	revokedFor = TokenLife + 5*time.Minute
	// eventSize is how many sessions one event names at most.
	eventSize = 1000
)

// WithRevocations makes the issuer one that tells which sessions end: it has the
// feed of revocations, and its key set announces it. Default: it has none, as
// the existing service.
func WithRevocations() Option { return func(i *Issuer) { i.feed.on = true } }

// feed is what the feed of revocations says.
type feed struct {
	on       bool
	requests atomic.Int64

	mu      sync.Mutex
	era     string // of the cursors; another one: the feed has begun anew
	entries []entry
	added   chan struct{} // closed when there are more entries, and made anew
}

// entry is a session that ended, or a key that changed.
type entry struct {
	session *wire.EndedSession
	key     *wire.KeyChange
}

func (f *feed) add(entries ...entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = append(f.entries, entries...)
	close(f.added)
	f.added = make(chan struct{})
}

// RevocationRequests counts the requests for the feed so far, unanswered ones
// included.
func (i *Issuer) RevocationRequests() int { return int(i.feed.requests.Load()) }

// FloodRevocations puts n sessions that nobody has into the feed.
func (i *Issuer) FloodRevocations(n int) {
	entries := make([]entry, n)
	for at := range entries {
		entries[at] = i.ended(rand.Text())
	}
	i.feed.add(entries...)
}

// ForgetRevocations begins the feed anew, with nothing in it: cursors from before
// are not known any more, as after a database was restored.
func (i *Issuer) ForgetRevocations() {
	i.feed.mu.Lock()
	defer i.feed.mu.Unlock()
	i.feed.era, i.feed.entries = rand.Text(), nil
}

func (i *Issuer) ended(session string) entry {
	return entry{session: &wire.EndedSession{ID: wire.DigestSession(session), Until: i.now().Add(revokedFor).Unix()}}
}

// since returns the cursor of now, what came behind a cursor, and the channel
// that is closed when there is more. A cursor that is not known is the beginning
// of a snapshot.
func (f *feed) since(cursor string) (now string, entries []entry, snapshot bool, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, known := 0, false
	if era, number, ok := strings.Cut(cursor, "."); ok && era == f.era {
		n, err := strconv.Atoi(number)
		if known = err == nil && n >= 0 && n <= len(f.entries); known {
			from = n
		}
	}
	return f.era + "." + strconv.Itoa(len(f.entries)), slices.Clone(f.entries[from:]), !known, f.added
}

// events are the events that bring a caller from a cursor to now.
func (i *Issuer) events(cursor string) (events []wire.Revocations, next string, more <-chan struct{}) {
	known := i.now().UnixMilli() // before the entries are read
	next, entries, snapshot, more := i.feed.since(cursor)
	for chunk := range slices.Chunk(entries, eventSize) {
		event := wire.Revocations{KnownUpTo: known, More: true}
		for _, e := range chunk {
			switch {
			case e.key != nil && !snapshot:
				event.Keys = append(event.Keys, *e.key)
			case e.session != nil:
				event.Sessions = append(event.Sessions, *e.session)
			}
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		events = []wire.Revocations{{KnownUpTo: known}}
	}
	events[0].Snapshot = snapshot
	last := &events[len(events)-1]
	last.More, last.Cursor = false, next
	return events, next, more
}

func (i *Issuer) serveRevocations(w http.ResponseWriter, r *http.Request) {
	cursor := r.Header.Get(wire.LastEventID)
	if r.Header.Get("Accept") != wire.EventStream {
		i.write(w, http.StatusOK, i.revocations(cursor))
		return
	}
	h := w.Header()
	secure(h)
	h.Set("Content-Type", wire.EventStream)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	for {
		m := i.current()
		if m.down {
			return
		}
		var more <-chan struct{}
		if !m.silent && !m.hang {
			var events []wire.Revocations
			events, cursor, more = i.events(cursor)
			if !i.send(w, events) || out.Flush() != nil {
				return
			}
		}
		due := make(chan struct{})
		stop := i.clock.AfterFunc(Heartbeat, func() { close(due) })
		select {
		case <-due:
		case <-more:
		case <-m.ended:
		case <-r.Context().Done():
			stop()
			return
		}
		stop()
	}
}

// revocations is the whole answer in one.
func (i *Issuer) revocations(cursor string) wire.Revocations {
	events, _, _ := i.events(cursor)
	whole := events[len(events)-1]
	whole.Snapshot, whole.Sessions, whole.Keys = events[0].Snapshot, nil, nil
	for _, event := range events {
		whole.Sessions = append(whole.Sessions, event.Sessions...)
		whole.Keys = append(whole.Keys, event.Keys...)
	}
	return whole
}

func (i *Issuer) send(w http.ResponseWriter, events []wire.Revocations) bool {
	for _, event := range events {
		doc, err := json.Marshal(event)
		if err != nil {
			i.fatalf("authtest: revocations: %v", err)
		}
		text := "data: " + string(doc) + "\n\n"
		if event.Cursor != "" {
			text = "id: " + event.Cursor + "\n" + text
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
	}
	return true
}
