// Package feed tells verifying clients which sessions ended before they expired.
//
// A [Hub] holds what still matters and hands the same events to every stream. It
// is told what to say: by whoever polls the database and by whoever ends a
// session on this server. [Places] says who may have a stream.
package feed

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// HeartbeatEvery is how often at least a stream is told up to when the
	// server knows everything, while the database answers.
	HeartbeatEvery = 500 * time.Millisecond
	// minGap is the least time between two events of a stream. What ends within
	// it waits for the next event.
	minGap = 250 * time.Millisecond
	// eventSize is how many sessions one event names at most, in about 60 KiB.
	eventSize = 1000
	// tidyEvery is how often sessions that no longer matter are dropped.
	tidyEvery = time.Minute
)

// Ended is a session that ended.
type Ended struct {
	SessionID string
	At        time.Time // by the clock of the server that ended it
}

// known is an ended session as a Hub holds it.
type known struct {
	at     time.Time
	number int64 // in the order in which this Hub learned of them, from 1
}

// Config configures a Hub.
type Config struct {
	// KeepFor is how long after its end a session still matters: no access token
	// of it is accepted any more, whatever leeway its reader has.
	KeepFor time.Duration
}

// Hub holds the sessions that ended. It is safe for concurrent use.
type Hub struct {
	config Config

	mu      sync.Mutex
	era     string // of the numbers; those of another Hub mean nothing here
	number  int64  // the last one
	ended   map[wire.SessionDigest]known
	news    []wire.EndedSession // not told yet
	keys    []wire.KeyChange    // not told yet
	known   time.Time           // up to when everything is known, by this server's clock; zero before the first poll
	told    time.Time           // when the last event was made
	tidied  time.Time
	last    *Event
	closing chan struct{}
	closed  bool
}

// Event is one event of the streams. All streams share it.
type Event struct {
	// Text is the event as it is sent, with the blank line behind it.
	Text []byte
	next *Event
	more chan struct{} // closed when next is there
}

// New makes a Hub that knows nothing yet.
func New(config Config) *Hub {
	return &Hub{config: config, era: rand.Text(), ended: map[wire.SessionDigest]known{}, last: newEvent(nil), closing: make(chan struct{})}
}

func newEvent(text []byte) *Event { return &Event{Text: text, more: make(chan struct{})} }

// Closing is closed when the streams have to end.
func (h *Hub) Closing() <-chan struct{} { return h.closing }

// Close ends the streams.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.closing)
	}
}

// Polled takes in what a poll of the database brought that began at known, by
// this server's clock. It tells the streams where there is something to tell.
func (h *Hub) Polled(known time.Time, sessions []Ended) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := h.known.IsZero()
	h.known = known
	h.add(sessions, known)
	if first || len(h.news) > 0 || len(h.keys) > 0 || known.Sub(h.told) >= HeartbeatEvery || known.Before(h.told) {
		h.tell(known)
	}
}

// Noted takes in sessions that ended on this server, at now by its clock.
func (h *Hub) Noted(now time.Time, sessions []Ended) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(sessions, now)
	if !h.known.IsZero() && len(h.news) > 0 && now.Sub(h.told) >= minGap {
		h.tell(now)
	}
}

// KeysChanged takes in changes of the key set.
func (h *Hub) KeysChanged(now time.Time, changes []wire.KeyChange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, changes...)
	if !h.known.IsZero() {
		h.tell(now)
	}
}

func (h *Hub) add(sessions []Ended, now time.Time) {
	for _, s := range sessions {
		digest := wire.DigestSession(s.SessionID)
		if _, there := h.ended[digest]; there {
			continue
		}
		h.number++
		h.ended[digest] = known{at: s.At, number: h.number}
		h.news = append(h.news, h.entry(digest, s.At))
	}
	if now.Sub(h.tidied) < tidyEvery && !now.Before(h.tidied) {
		return
	}
	h.tidied = now
	for digest, session := range h.ended {
		if now.Sub(session.at) > h.config.KeepFor {
			delete(h.ended, digest)
		}
	}
}

func (h *Hub) entry(digest wire.SessionDigest, at time.Time) wire.EndedSession {
	return wire.EndedSession{ID: digest, Until: at.Add(h.config.KeepFor).Unix()}
}

// tell makes an event of what was not told yet.
func (h *Hub) tell(now time.Time) {
	shuffle(h.news)
	for chunk := range slices.Chunk(h.news, eventSize) {
		h.append(wire.Revocations{KnownUpTo: h.known.UnixMilli(), Sessions: chunk, More: true})
	}
	h.append(wire.Revocations{KnownUpTo: h.known.UnixMilli(), Cursor: h.cursor(), Keys: h.keys})
	h.news, h.keys, h.told = nil, nil, now
}

func (h *Hub) append(event wire.Revocations) {
	next := newEvent(Text(event))
	h.last.next = next
	close(h.last.more)
	h.last = next
}

// shuffle orders sessions by their digests, which are random, so that the order
// tells nothing about whose they are.
func shuffle(sessions []wire.EndedSession) {
	slices.SortFunc(sessions, func(a, b wire.EndedSession) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// Begin is what a caller with this cursor is told first, and the event behind
// which the others follow. ok is false while nothing is known.
func (h *Hub) Begin(from string) (first []wire.Revocations, then *Event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known.IsZero() {
		return nil, nil, false
	}
	since, resumed := h.resume(from)
	sessions := make([]wire.EndedSession, 0, len(h.ended))
	for digest, session := range h.ended {
		if session.number > since {
			sessions = append(sessions, h.entry(digest, session.at))
		}
	}
	shuffle(sessions)
	known := h.known.UnixMilli()
	for chunk := range slices.Chunk(sessions, eventSize) {
		first = append(first, wire.Revocations{KnownUpTo: known, Sessions: chunk, More: true})
	}
	first = append(first, wire.Revocations{KnownUpTo: known, Cursor: h.cursor()})
	first[0].Snapshot = !resumed
	return first, h.last, true
}

// cursor is what was told last. Numbers are given as this server learns of
// sessions, so that neither the clocks of several servers nor the order in which
// transactions commit can hide one from a caller that resumes.
func (h *Hub) cursor() string { return h.era + "." + strconv.FormatInt(h.number, 10) }

// resume reads a cursor. Sessions that were dropped do not matter any more, so
// that no cursor of this Hub is too old.
func (h *Hub) resume(from string) (since int64, ok bool) {
	era, number, _ := strings.Cut(from, ".")
	since, err := strconv.ParseInt(number, 10, 64)
	if err != nil || era != h.era || since < 0 || since > h.number {
		return 0, false
	}
	return since, true
}

// Text is an event as it is sent.
func Text(event wire.Revocations) []byte {
	doc, err := json.Marshal(event)
	if err != nil {
		panic(err) // a struct of numbers and texts can always be encoded
	}
	id := ""
	if event.Cursor != "" {
		id = "id: " + event.Cursor + "\n"
	}
	return slices.Concat([]byte(id), []byte("data: "), doc, []byte("\n\n"))
}

// More is closed when there is an event behind this one.
func (e *Event) More() <-chan struct{} { return e.more }

// Next is the event behind this one. It may be called once More is closed.
func (e *Event) Next() *Event { return e.next }
