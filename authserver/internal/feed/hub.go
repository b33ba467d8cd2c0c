// Package feed tells verifying clients which sessions ended before they expired.
//
// A [Hub] holds what still matters and hands the same events to every stream. It
// is told what to say: by whoever polls the database and by whoever ends a
// session on this server. [Places] says who may have a stream.
package feed

import (
	"cmp"
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
	// lateBy is how old knowledge may be with which a stream begins. A caller
	// takes its first event for what was known when it asked.
	lateBy = time.Second
)

// Ended is a session that ended.
type Ended struct {
	SessionID string
	At        time.Time // by the clock of the server that ended it
}

// session is an ended session as a Hub holds it.
type session struct {
	digest wire.SessionDigest
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
	ended   map[wire.SessionDigest]struct{}
	log     []session           // by number; what is in it is never changed
	most    *snapshot           // nil: none was asked for since the log was tidied
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
	return &Hub{config: config, era: rand.Text(), ended: map[wire.SessionDigest]struct{}{}, last: newEvent(nil), closing: make(chan struct{})}
}

func newEvent(content []byte) *Event { return &Event{Text: content, more: make(chan struct{})} }

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
		h.ended[digest] = struct{}{}
		h.log = append(h.log, session{digest: digest, at: s.At, number: h.number})
		h.news = append(h.news, h.entry(digest, s.At))
	}
	if now.Sub(h.tidied) < tidyEvery && !now.Before(h.tidied) {
		return
	}
	h.tidied, h.most = now, nil
	var left []session // a log of its own: the other one is being read
	for _, s := range h.log {
		if now.Sub(s.at) > h.config.KeepFor {
			delete(h.ended, s.digest)
		} else {
			left = append(left, s)
		}
	}
	h.log = left
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
	next := newEvent(text(event))
	h.last.next = next
	close(h.last.more)
	h.last = next
}

// shuffle orders sessions by their digests, which are random, so that the order
// tells nothing about whose they are.
func shuffle(sessions []wire.EndedSession) {
	slices.SortFunc(sessions, func(a, b wire.EndedSession) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// snapshot is most of what a Hub holds, as callers are told who have nothing
// yet. They share one, and are told apart from it what came after it.
type snapshot struct {
	upTo   int64 // the number of the last session
	events func() []wire.Revocations
	texts  func() [][]byte
}

// Beginning is what a caller is told first.
type Beginning struct {
	// Then is the event behind which the others follow.
	Then *Event
	// Resumed is whether the caller is told only what came after its cursor.
	Resumed bool

	shared *snapshot // nil where Resumed, and where no session is held
	rest   []wire.Revocations
}

// Events are the events of the beginning.
func (b Beginning) Events() []wire.Revocations {
	if b.shared == nil {
		return b.rest
	}
	return slices.Concat(b.shared.events(), b.rest)
}

// Texts are the events as they are sent.
func (b Beginning) Texts() [][]byte {
	var all [][]byte
	if b.shared != nil {
		all = slices.Clone(b.shared.texts())
	}
	for _, event := range b.rest {
		all = append(all, text(event))
	}
	return all
}

// Begin is what a caller with this cursor is told first, at now by this server's
// clock. ok is false where the database has not answered for lateBy: who begins
// then would take old knowledge for new.
//
// What is many is made once for all callers and without the lock, so that those
// who begin again and again keep nobody waiting.
func (h *Hub) Begin(now time.Time, from string) (b Beginning, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known.IsZero() || now.Sub(h.known) > lateBy {
		return Beginning{}, false
	}
	since, resumed := h.resume(from)
	if !resumed || len(h.after(since)) > eventSize {
		resumed, since = false, h.share()
	}
	knownUpTo := h.known.UnixMilli()
	if news := h.after(since); len(news) > 0 {
		b.rest = append(b.rest, wire.Revocations{KnownUpTo: knownUpTo, Sessions: h.entries(news), More: true})
	}
	b.rest = append(b.rest, wire.Revocations{KnownUpTo: knownUpTo, Cursor: h.cursor()})
	switch {
	case resumed:
		b.Resumed = true
	case since > 0:
		b.shared = h.most
	default:
		b.rest[0].Snapshot = true
	}
	b.Then = h.last
	return b, true
}

// after is what came after a number.
func (h *Hub) after(since int64) []session {
	at, _ := slices.BinarySearchFunc(h.log, since+1, func(s session, number int64) int { return cmp.Compare(s.number, number) })
	return h.log[at:]
}

// share makes a snapshot where there is none, or where an event would no longer
// hold what came after it, and returns its last number: 0 where no session is
// held.
func (h *Hub) share() int64 {
	if len(h.log) == 0 {
		return 0
	}
	if h.most == nil || len(h.after(h.most.upTo)) > eventSize {
		log, knownUpTo := h.log, h.known.UnixMilli()
		s := &snapshot{upTo: h.number}
		s.events = sync.OnceValue(func() []wire.Revocations {
			var events []wire.Revocations
			for chunk := range slices.Chunk(h.entries(log), eventSize) {
				events = append(events, wire.Revocations{KnownUpTo: knownUpTo, Sessions: chunk, More: true})
			}
			events[0].Snapshot = true
			return events
		})
		s.texts = sync.OnceValue(func() (all [][]byte) {
			for _, event := range s.events() {
				all = append(all, text(event))
			}
			return all
		})
		h.most = s
	}
	return h.most.upTo
}

// entries are sessions as they are told.
func (h *Hub) entries(sessions []session) []wire.EndedSession {
	entries := make([]wire.EndedSession, 0, len(sessions))
	for _, s := range sessions {
		entries = append(entries, h.entry(s.digest, s.at))
	}
	shuffle(entries)
	return entries
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

// text is an event as it is sent.
func text(event wire.Revocations) []byte {
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
