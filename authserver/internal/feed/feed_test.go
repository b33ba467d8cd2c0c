package feed

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func ended(at time.Time, ids ...string) []Ended {
	var all []Ended
	for _, id := range ids {
		all = append(all, Ended{SessionID: id, At: at})
	}
	return all
}

// reader is a stream that has read up to an event.
type reader struct {
	*testing.T
	at *Event
}

func (h *Hub) reader(t *testing.T, from string) (*reader, []wire.Revocations) {
	t.Helper()
	b, ok := h.Begin(h.known, from)
	if !ok {
		t.Fatal("nothing is known")
	}
	first, texts := b.Events(), b.Texts()
	for i, event := range first {
		if i >= len(texts) || !bytes.Equal(text(event), texts[i]) {
			t.Errorf("event %d of the beginning is not sent as it is", i)
		}
	}
	return &reader{t, b.Then}, first
}

// all are the events that are there.
func (r *reader) all() []wire.Revocations {
	r.Helper()
	var events []wire.Revocations
	for {
		select {
		case <-r.at.More():
		default:
			return events
		}
		r.at = r.at.Next()
		_, data, found := bytes.Cut(r.at.Text, []byte("data: "))
		var event wire.Revocations
		if err := json.Unmarshal(bytes.TrimSpace(data), &event); err != nil || !found || !bytes.HasSuffix(r.at.Text, []byte("\n\n")) {
			r.Fatalf("event %q: %v", r.at.Text, err)
		}
		events = append(events, event)
	}
}

func sessions(events []wire.Revocations) []wire.SessionDigest {
	var all []wire.SessionDigest
	for _, event := range events {
		for _, s := range event.Sessions {
			all = append(all, s.ID)
		}
	}
	return all
}

func digests(ids ...string) []wire.SessionDigest {
	var all []wire.SessionDigest
	for _, id := range ids {
		all = append(all, wire.DigestSession(id))
	}
	slices.SortFunc(all, func(a, b wire.SessionDigest) int { return slices.Compare(a[:], b[:]) })
	return all
}

func same(t *testing.T, events []wire.Revocations, ids ...string) {
	t.Helper()
	if got, want := sessions(events), digests(ids...); !slices.Equal(got, want) {
		t.Errorf("sessions %v, want those of %v in the order of their digests", got, ids)
	}
}

func TestHub(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: 20 * time.Minute})
	if _, ok := h.Begin(begin, ""); ok {
		t.Error("something is known before the first poll")
	}
	h.Polled(begin, ended(begin.Add(-time.Second), "a", "b"))
	r, first := h.reader(t, "")
	same(t, first, "a", "b")
	if !first[0].Snapshot || first[len(first)-1].More || first[0].KnownUpTo != begin.UnixMilli() {
		t.Errorf("begins with %+v", first)
	}
	if until := first[0].Sessions[0].Until; until != begin.Add(20*time.Minute-time.Second).Unix() {
		t.Errorf("until %d", until)
	}

	// What this server ends is told at once, and not twice.
	now := begin.Add(minGap)
	h.Noted(now, ended(now, "c"))
	h.Polled(begin.Add(250*time.Millisecond+1), ended(now, "c", "d"))
	events := r.all()
	same(t, events[:2], "c")
	same(t, events[2:], "d")

	// One that ends right after another waits for the next event.
	now = begin.Add(260 * time.Millisecond)
	h.Noted(now, ended(now, "e"))
	if events := r.all(); len(events) != 0 {
		t.Errorf("told at once: %+v", events)
	}
	h.Polled(begin.Add(500*time.Millisecond), nil)
	same(t, r.all(), "e")

	// A heartbeat is due only now and then.
	h.Polled(begin.Add(750*time.Millisecond), nil)
	h.Polled(begin.Add(1000*time.Millisecond), nil)
	if events := r.all(); len(events) != 1 || events[0].KnownUpTo != begin.Add(time.Second).UnixMilli() {
		t.Errorf("heartbeats %+v", events)
	}

	h.KeysChanged(begin.Add(1100*time.Millisecond), []wire.KeyChange{{Kid: "k", Change: wire.KeyRetired}})
	if events := r.all(); len(events) != 1 || len(events[0].Keys) != 1 || events[0].KnownUpTo != begin.Add(time.Second).UnixMilli() {
		t.Errorf("key events %+v", events)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: 20 * time.Minute})
	h.Polled(begin, ended(begin.Add(-10*time.Minute), "old"))
	_, first := h.reader(t, "")
	cursor := first[len(first)-1].Cursor
	_, again := h.reader(t, cursor)
	same(t, again)
	if again[0].Snapshot {
		t.Error("a known cursor begins anew")
	}
	// A server whose clock is behind ends one too.
	h.Polled(begin.Add(time.Second), ended(begin.Add(-11*time.Minute), "behind"))
	_, again = h.reader(t, cursor)
	same(t, again, "behind")

	other := New(Config{KeepFor: 20 * time.Minute})
	for name, cursor := range map[string]string{
		"none":              "",
		"not a cursor":      "*",
		"of another server": other.cursor(),
		"of a later time":   h.era + ".3",
		"negative":          h.era + ".-1",
	} {
		_, whole := h.reader(t, cursor)
		same(t, whole[:1], "old") // as others were told before
		same(t, whole[1:], "behind")
		if !whole[0].Snapshot {
			t.Errorf("%s: does not begin anew", name)
		}
	}

	// What does not matter any more is dropped.
	h.Polled(begin.Add(9*time.Minute+30*time.Second), nil)
	_, whole := h.reader(t, "")
	same(t, whole, "old")
}

// TestBeginsWithWhatIsKnownNow: while the database does not answer nobody
// begins, since a caller takes the first event for what is known as it asks.
func TestBeginsWithWhatIsKnownNow(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: 20 * time.Minute})
	h.Polled(begin, nil)
	cursor := h.cursor()
	for _, from := range []string{"", cursor} {
		if _, ok := h.Begin(begin.Add(lateBy), from); !ok {
			t.Errorf("cursor %q: refused", from)
		}
		if _, ok := h.Begin(begin.Add(lateBy+time.Nanosecond), from); ok {
			t.Errorf("cursor %q: begins with what was known a while ago", from)
		}
	}
}

// TestOneSnapshotForAll: what many callers are told is made once, as long as an
// event holds what came after it.
func TestOneSnapshotForAll(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: 20 * time.Minute})
	var ids []string
	end := func(now time.Time, n int) {
		var all []Ended
		for range n {
			ids = append(ids, "s"+strconv.Itoa(len(ids)))
			all = append(all, ended(now, ids[len(ids)-1])...)
		}
		h.Polled(now, all)
	}
	whole := func(from string) []wire.Revocations {
		t.Helper()
		_, events := h.reader(t, from)
		got := sessions(events)
		slices.SortFunc(got, func(a, b wire.SessionDigest) int { return slices.Compare(a[:], b[:]) })
		if !slices.Equal(got, digests(ids...)) {
			t.Errorf("%d sessions, want %d", len(got), len(ids))
		}
		return events
	}
	end(begin, 2500)
	none := h.era + ".0"
	for _, from := range []string{"", none} { // a cursor behind which too much came is none
		if events := whole(from); !events[0].Snapshot || len(events) != 4 {
			t.Errorf("cursor %q: %d events", from, len(events))
		}
	}
	first := h.most
	end(begin.Add(time.Second), eventSize)
	whole("")
	if h.most != first {
		t.Error("another snapshot for as much as an event holds")
	}
	end(begin.Add(2*time.Second), 1)
	whole("")
	second := h.most
	if second == first {
		t.Error("no other snapshot for more than an event holds")
	}
	end(begin.Add(2*time.Second+tidyEvery), 1)
	whole("")
	if h.most == second {
		t.Error("what was dropped is still told")
	}
}

// TestOrderTellsNothing: sessions of one user that end together are not
// together in the events.
func TestOrderTellsNothing(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: 20 * time.Minute})
	h.Polled(begin, nil)
	r, _ := h.reader(t, "")
	var all []Ended
	var ids []string
	for n := range 2500 {
		ids = append(ids, "s"+strconv.Itoa(n))
		all = append(all, ended(begin, ids[n])...)
	}
	h.Polled(begin.Add(time.Second), all)
	events := r.all()
	same(t, events, ids...)
	if len(events) != 4 || !events[0].More || events[0].Cursor != "" || events[3].Cursor == "" {
		t.Errorf("%d events", len(events))
	}
}

func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	h := New(Config{KeepFor: time.Minute})
	h.Close()
	h.Close()
	<-h.Closing()
}

func gone(place *Place) bool {
	select {
	case <-place.Gone():
		return true
	default:
		return false
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	p := NewPlaces(8)
	take := func(address string, known bool) *Place {
		t.Helper()
		place, err := p.Take(netip.MustParseAddr(address), known)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		return place
	}
	full := func(address string, known bool) {
		t.Helper()
		if _, err := p.Take(netip.MustParseAddr(address), known); !errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want ErrFull", address, err)
		}
	}
	var greedy []*Place
	for range 4 {
		greedy = append(greedy, take("192.0.2.1", false))
	}
	full("192.0.2.1", false)
	full("::ffff:192.0.2.1", false) // the same address

	// The youngest of the greedy one gives way.
	second := take("192.0.2.2", false)
	if !gone(greedy[3]) || gone(greedy[2]) {
		t.Error("another stream than the youngest of the fullest address is gone")
	}
	third := take("2001:db8::1", false)
	if !gone(greedy[2]) || gone(greedy[1]) {
		t.Error("another stream than the youngest of the fullest address is gone")
	}
	full("2001:db8::2", false) // the same /64 has one
	full("192.0.2.2", false)   // would have as many as the fullest
	take("192.0.2.3", false)
	full("192.0.2.4", false) // all have one
	p.Leave(greedy[3])       // has left already

	known := []*Place{take("192.0.2.1", true), take("192.0.2.1", true), take("192.0.2.1", true), take("192.0.2.1", true)}
	full("192.0.2.9", true)
	p.Leave(known[0])
	take("192.0.2.9", true)
	p.Leave(second)
	p.Leave(third)
	take("192.0.2.9", true) // strangers leave theirs free
}

// TestPlacesForThoseWhoAreKnown: strangers from any number of addresses leave
// half of the places.
func TestPlacesForThoseWhoAreKnown(t *testing.T) {
	t.Parallel()
	p := NewPlaces(100)
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		_, _ = p.Take(netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", random.IntN(4), random.IntN(250))), false)
	}
	if p.strangers != 50 || p.taken != 50 {
		t.Errorf("%d strangers on %d places", p.strangers, p.taken)
	}
	for range 50 {
		if _, err := p.Take(netip.MustParseAddr("10.0.0.1"), true); err != nil {
			t.Fatal(err)
		}
	}
}
