package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// line is a queue of one place, which is taken, and who waits.
type line struct {
	*testing.T
	*queue
	names map[string]*waiter
	from  map[string]From
	works From // who has the place
}

func newLine(t *testing.T, most int) *line {
	t.Helper()
	l := &line{T: t, queue: newQueue(1, most), names: map[string]*waiter{}, from: map[string]From{}}
	if err := l.enter(t.Context(), From{}); err != nil {
		t.Fatal(err)
	}
	return l
}

// come has a caller wait, and reports whether there is room.
func (l *line) come(name string, from From) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	number, key := from.class()
	w := &waiter{account: from.Account, turn: make(chan bool, 1)}
	l.names[name], l.from[name] = w, from
	return l.wait(number, key, w)
}

// state is what became of a caller: "waits", "works" or "away".
func (l *line) state(name string) string {
	select {
	case placed := <-l.names[name].turn:
		if placed {
			l.works = l.from[name]
			return "works"
		}
		return "away"
	default:
		return "waits"
	}
}

// order gives the place on until nobody waits, and returns who got it.
func (l *line) order() (names []string) {
	for {
		_, left := l.load()
		l.done(l.works, time.Millisecond)
		if left == 0 {
			return names
		}
		for name := range l.names {
			if l.state(name) == "works" {
				names = append(names, name)
			}
		}
	}
}

// TestV3Turns: addresses take turns, however many wait at one, and so do known
// devices and strangers.
func TestV3Turns(t *testing.T) {
	t.Parallel()
	l := newLine(t, 100)
	for i := range 4 {
		l.come(fmt.Sprint("flood ", i), From{Addr: "a", Account: fmt.Sprint(i)})
	}
	l.come("stranger", From{Addr: "b", Account: "x"})
	l.come("known 0", From{Addr: "a", Account: "ann", Known: true})
	l.come("known 1", From{Addr: "a", Account: "ann", Known: true})
	l.come("known 2", From{Addr: "a", Account: "bob", Known: true})
	want := []string{"known 0", "flood 0", "known 2", "stranger", "known 1", "flood 1", "flood 2", "flood 3"}
	if diff := cmp.Diff(want, l.order()); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if working, waiting := l.load(); working != 0 || waiting != 0 {
		t.Errorf("%d work and %d wait afterwards", working, waiting)
	}
}

// TestV3PlaceForKnown: strangers never take the last place, known devices do.
func TestV3PlaceForKnown(t *testing.T) {
	t.Parallel()
	known, stranger := From{Account: "ann", Known: true}, From{Addr: "a"}
	l := &line{T: t, queue: newQueue(2, 8), names: map[string]*waiter{}, from: map[string]From{}}
	l.took = longestWait / 4
	enter := func(from From) {
		t.Helper()
		if err := l.enter(t.Context(), from); err != nil {
			t.Fatal(err)
		}
	}
	enter(stranger)
	for i := range 4 {
		if !l.come(fmt.Sprint("stranger ", i), stranger) {
			t.Fatalf("no room for stranger %d", i)
		}
	}
	if l.come("late", stranger) {
		t.Error("a stranger would wait for longer than it may")
	}
	enter(known) // at once, although others wait
	if !l.come("known", known) {
		t.Fatal("no room for a known device")
	}
	l.done(known, time.Millisecond)
	if l.state("known") != "works" || l.state("stranger 0") != "waits" {
		t.Error("a stranger has the place of the known devices")
	}
	l.done(stranger, time.Millisecond)
	if l.state("stranger 0") != "works" || l.state("stranger 1") != "waits" {
		t.Error("a stranger does not follow on a stranger")
	}
	l.done(known, time.Millisecond)
	if l.state("stranger 1") != "waits" {
		t.Error("the last place is not kept")
	}
}

// TestV3Displaced: one address or account may fill the queue, and makes room for
// others; known devices have room of their own.
func TestV3Displaced(t *testing.T) {
	t.Parallel()
	l := newLine(t, 4)
	for i := range 4 {
		if !l.come(fmt.Sprint("flood ", i), From{Addr: "a", Account: fmt.Sprint(i)}) {
			t.Fatal("no room")
		}
	}
	if l.come("one more", From{Addr: "a", Account: "x"}) {
		t.Error("one address has more than the queue")
	}
	if !l.come("stranger", From{Addr: "b", Account: "y"}) || l.state("flood 3") != "away" || l.state("flood 2") != "waits" {
		t.Error("another address does not take the place of the last one")
	}
	for i := range 4 {
		if !l.come(fmt.Sprint("known ", i), From{Addr: "a", Account: fmt.Sprint(i), Known: true}) {
			t.Error("no room for a known device")
		}
	}
	l = newLine(t, 4)
	for i := range 4 {
		l.come(fmt.Sprint("guess ", i), From{Addr: fmt.Sprint(i), Account: "ann"})
	}
	if l.come("guess more", From{Addr: "x", Account: "ann"}) {
		t.Error("one account has more than the queue")
	}
	if !l.come("other", From{Addr: "y", Account: "bob"}) || l.state("guess 3") != "away" {
		t.Error("another account does not take the place of the last guess")
	}
	for i := range 3 {
		l.come(fmt.Sprint("more ", i), From{Addr: fmt.Sprint("z", i), Account: fmt.Sprint(i)})
	}
	if l.come("too many", From{Addr: "zz", Account: "zz"}) {
		t.Error("a queue of different callers takes one more")
	}
}

// TestV3ExpectedWait: who would wait for too long is refused at once, and who
// has few before it is not.
func TestV3ExpectedWait(t *testing.T) {
	t.Parallel()
	l := newLine(t, 1000)
	l.took = longestWait / 10
	n := 0
	for l.come(fmt.Sprint("flood ", n), From{Addr: "a"}) {
		n++
	}
	if n != 10 {
		t.Errorf("%d wait, want 10", n)
	}
	if !l.come("stranger", From{Addr: "b"}) {
		t.Error("another address is refused")
	}
	if !l.come("known", From{Account: "ann", Known: true}) {
		t.Error("a known device is refused")
	}
}

// TestV3Gone: who has left is not hashed, and its place goes to the next one.
func TestV3Gone(t *testing.T) {
	t.Parallel()
	q := newQueue(1, 8)
	if err := q.enter(t.Context(), From{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left, stays := make(chan error, 1), make(chan error, 1)
	untilWaiting := func(n int) {
		for {
			if _, waiting := q.load(); waiting == n {
				return
			}
			runtime.Gosched()
		}
	}
	go func() { left <- q.enter(ctx, From{Addr: "a"}) }()
	untilWaiting(1)
	go func() { stays <- q.enter(t.Context(), From{Addr: "b"}) }()
	untilWaiting(2)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	untilWaiting(1)
	q.done(From{}, time.Millisecond)
	if err := <-stays; err != nil {
		t.Errorf("who stayed: %v", err)
	}
	q.done(From{}, time.Millisecond)
	if err := q.enter(ctx, From{}); !errors.Is(err, context.Canceled) {
		t.Errorf("who had left before: %v", err)
	}
	if working, waiting := q.load(); working != 0 || waiting != 0 {
		t.Errorf("%d work and %d wait", working, waiting)
	}
	// One that leaves just as its turn comes hands the place on.
	l := newLine(t, 8)
	l.come("gone", From{Addr: "a"})
	l.come("next", From{Addr: "b"})
	l.done(l.works, time.Millisecond)
	l.leave(0, l.names["gone"])
	if l.state("next") != "works" {
		t.Error("the place is lost")
	}
}

// TestA171Queue: beyond those at work and those that may wait, the answer is
// ErrBusy at once; a place that is given back is free again.
func TestA171Queue(t *testing.T) {
	t.Parallel()
	h := New(1, 1, rand.Reader)
	l := &line{T: t, queue: h.queue, names: map[string]*waiter{}, from: map[string]From{}}
	if err := h.queue.enter(t.Context(), From{}); err != nil {
		t.Fatal(err)
	}
	if !l.come("one", From{}) {
		t.Fatal("no room to wait")
	}
	before := h.Load()
	if _, err := h.Hash(t.Context(), From{}, "password"); !errors.Is(err, ErrBusy) {
		t.Errorf("Hash = %v, want ErrBusy", err)
	}
	if err := h.Burn(t.Context(), From{}, "password"); !errors.Is(err, ErrBusy) {
		t.Errorf("Burn = %v, want ErrBusy", err)
	}
	want := Load{Working: 1, Waiting: 1, Refused: before.Refused + 2}
	if diff := cmp.Diff(want, h.Load()); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
	l.order()
	for range 3 {
		if _, err := h.Hash(t.Context(), From{}, "password"); err != nil {
			t.Errorf("Hash on an idle Hasher: %v", err)
		}
	}
	if load := h.Load(); load.Working != 0 || load.Waiting != 0 || load.Hashed != 3 {
		t.Errorf("load %+v afterwards", load)
	}
}
