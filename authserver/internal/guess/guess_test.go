package guess

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a database of guesses. Its clock is that of the test.
type memory struct {
	clock *clocktest.Clock
	lock  sync.Mutex
	rows  []store.Failure // Age is since the zero instant
	known map[store.Digest]bool
	fault error
	wrote int
	read  int
}

func (m *memory) AddFailures(_ context.Context, failures []store.Failure) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.fault != nil {
		return m.fault
	}
	m.wrote++
	for _, f := range failures {
		f.Seq, f.Age = int64(len(m.rows)+1), time.Duration(m.clock.Now().UnixNano())
		m.rows = append(m.rows, f)
	}
	return nil
}

func (m *memory) Failures(_ context.Context, after int64, limit int) (list []store.Failure, err error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.read++
	for _, f := range m.rows {
		if f.Seq > after && len(list) < limit {
			f.Age = time.Duration(m.clock.Now().UnixNano()) - f.Age
			list = append(list, f)
		}
	}
	return list, m.fault
}

func (m *memory) ForgetFailures(context.Context, time.Duration) error { return m.fault }

func (m *memory) KnownDevice(_ context.Context, device store.Digest) (bool, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.known[device], m.fault
}

func newMemory() *memory {
	return &memory{clock: clocktest.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), known: map[store.Digest]bool{}}
}

func newGuard(t *testing.T, m *memory) *Guard {
	t.Helper()
	g, err := New(Config{Store: m, Clock: m.clock, Log: slog.New(slog.DiscardHandler), Key: []byte("key"), Random: rand.Reader, Life: func() uint64 { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// guess tries a wrong password and says how long to wait where it may not.
func guess(t *testing.T, g *Guard, a Attempt) (wait time.Duration, known bool) {
	t.Helper()
	ticket, err := g.Begin(t.Context(), a)
	if locked, ok := errors.AsType[*LockedError](err); ok {
		return locked.Wait, false
	}
	if err != nil {
		t.Fatal(err)
	}
	ticket.End(true)
	return 0, ticket.Known
}

func address(format string, args ...any) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf(format, args...))
}

// TestV2Account: guesses at one account are few, wherever they come from, and
// the wait is never long.
func TestV2Account(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]func(i int) netip.Addr{
		"one address":        func(int) netip.Addr { return address("192.0.2.1") },
		"one /48":            func(i int) netip.Addr { return address("2001:db8:1:%x::1", i%400) },
		"addresses all over": func(i int) netip.Addr { return address("2001:db8:%x::1", i%1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			g := newGuard(t, m)
			hashed, longest, last := 0, time.Duration(0), time.Duration(0)
			for i := range 10_000 {
				last, _ = guess(t, g, Attempt{Account: "ann@example.com", Addr: from(i)})
				if last == 0 {
					hashed++
				}
				longest = max(longest, last)
				m.clock.Advance(time.Hour / 10_000)
			}
			if hashed < 10 || hashed > 20 {
				t.Errorf("%d guesses in an hour were let through", hashed)
			}
			if longest > 10*time.Minute {
				t.Errorf("an attempt has to wait %v", longest)
			}
			m.clock.Advance(max(last, time.Millisecond))
			if wait, _ := guess(t, g, Attempt{Account: "ann@example.com", Addr: address("198.51.100.1")}); wait != 0 {
				t.Errorf("after the wait it is %v", wait)
			}
		})
	}
}

// TestV2Addresses: one password for many accounts, from one address, one /64 and
// one network.
func TestV2Addresses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from func(i int) netip.Addr
		want int // guesses at once
	}{
		"address":  {func(int) netip.Addr { return address("192.0.2.1") }, 20},
		"/64":      {func(i int) netip.Addr { return address("2001:db8:1:2::%x", i+1) }, 20},
		"/24":      {func(i int) netip.Addr { return address("192.0.2.%d", i%250) }, 60},
		"/48":      {func(i int) netip.Addr { return address("2001:db8:1:%x::1", i) }, 60},
		"all over": {func(i int) netip.Addr { return address("2001:db8:%x::1", i) }, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			g := newGuard(t, m)
			hashed := 0
			for i := range 500 {
				if wait, _ := guess(t, g, Attempt{Account: fmt.Sprint(i, "@example.com"), Addr: test.from(i)}); wait == 0 {
					hashed++
				}
			}
			if hashed != test.want {
				t.Errorf("%d guesses at once, want %d", hashed, test.want)
			}
			m.clock.Advance(window)
			if wait, _ := guess(t, g, Attempt{Account: "ann@example.com", Addr: test.from(0)}); wait != 0 {
				t.Errorf("an hour later: %v", wait)
			}
		})
	}
}

// TestV2KnownDevices: ten failures an hour for a known device and thirty for all
// of an account, and then each is a stranger. Of 10 000 guesses in an hour from
// 1 000 addresses, of which 50 are known and 50 send a copied id, at most 130
// reach a hash.
func TestV2KnownDevices(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := newGuard(t, m)
	know := func(id string, addr netip.Addr) {
		device, ok := g.Device("ann@example.com", id, addr)
		if !ok {
			t.Fatal("no device")
		}
		m.known[device] = true
	}
	know("phone", netip.Addr{})
	for i := range 50 {
		know("", address("192.0.%d.1", i))
	}
	var shares, hashed int
	of := map[string]int{}
	for i := range 10_000 {
		a := Attempt{Account: "ann@example.com", Addr: address("192.0.%d.%d", i%250, 1+i/250%4)}
		if i%20 == 10 {
			a.Device = "phone"
		}
		wait, known := guess(t, g, a)
		if wait == 0 {
			hashed++
		}
		if known {
			shares++
			device, _ := g.Device(a.Account, a.Device, a.Addr)
			of[string(device[:])]++
		}
		m.clock.Advance(time.Hour / 10_001)
	}
	if shares != devicesShare || hashed > 130 {
		t.Errorf("%d guesses as known devices and %d in all", shares, hashed)
	}
	for _, n := range of {
		if n > deviceShare {
			t.Errorf("%d guesses of one device", n)
		}
	}
	// An hour later the share is there again, and the device of somebody else is
	// not known.
	m.clock.Advance(window)
	if wait, known := guess(t, g, Attempt{Account: "ann@example.com", Addr: address("203.0.113.1"), Device: "phone"}); wait != 0 || !known {
		t.Errorf("an hour later: %v, known %v", wait, known)
	}
	if _, known := guess(t, g, Attempt{Account: "bob@example.com", Addr: address("203.0.113.1"), Device: "phone"}); known {
		t.Error("the device of another user is known")
	}
}

// TestV3KnownDeviceDuringAFlood: while strangers and their addresses are locked,
// the user gets in.
func TestV3KnownDeviceDuringAFlood(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := newGuard(t, m)
	a := Attempt{Account: "ann@example.com", Addr: address("192.0.2.1")}
	device, _ := g.Device(a.Account, "", a.Addr)
	for range 100 {
		guess(t, g, Attempt{Account: a.Account, Addr: address("192.0.2.2")})
	}
	if wait, _ := guess(t, g, a); wait == 0 {
		t.Fatal("a stranger is let through")
	}
	m.known[device] = true
	for range 100 {
		ticket, err := g.Begin(t.Context(), a)
		if err != nil || !ticket.Known {
			t.Fatal(err)
		}
		ticket.End(false)
	}
}

// TestV3AtOnce: attempts that are being checked count, whether or not they were
// wrong, and leave nothing where they were right.
func TestV3AtOnce(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := newGuard(t, m)
	a := Attempt{Account: "ann@example.com", Addr: address("192.0.2.1")}
	for round := range 3 {
		var tickets []*Ticket
		for range 500 {
			ticket, err := g.Begin(t.Context(), a)
			if err == nil {
				tickets = append(tickets, ticket)
			}
		}
		if len(tickets) != accountRule.free {
			t.Fatalf("round %d: %d at once", round, len(tickets))
		}
		for _, ticket := range tickets {
			ticket.End(false)
			ticket.End(true) // only the first counts
		}
	}
	if n := g.counters.Len(); n != 0 {
		t.Errorf("%d counters are left", n)
	}
}

// TestV2Exchange: servers know what failed at others, a new one too, and a
// failure counts once.
func TestV2Exchange(t *testing.T) {
	t.Parallel()
	m := newMemory()
	a, b := newGuard(t, m), newGuard(t, m)
	exchange := func(guards ...*Guard) {
		for _, g := range guards {
			if err := g.Exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	failures := func(g *Guard) int {
		g.lock.Lock()
		defer g.lock.Unlock()
		return g.counter(g.subject("account", "ann@example.com")).count(m.clock.Now())
	}
	ann := Attempt{Account: "ann@example.com", Addr: address("192.0.2.1")}
	for range 4 {
		guess(t, a, ann)
	}
	exchange(a, b, a, b)
	m.clock.Advance(time.Second)
	exchange(a, b)
	if failures(a) != 4 || failures(b) != 4 || m.wrote != 1 {
		t.Errorf("%d and %d failures after %d writes", failures(a), failures(b), m.wrote)
	}
	m.clock.Advance(10 * time.Minute)
	guess(t, b, ann)
	exchange(b, a)
	c := newGuard(t, m)
	exchange(c)
	if failures(a) != 5 || failures(c) != 5 {
		t.Errorf("%d and, after a restart, %d failures", failures(a), failures(c))
	}
	// A transaction may show its row after one with a higher number is read.
	for i, seq := range []int64{200, 150} {
		m.clock.Advance(quiet)
		m.rows = append(m.rows, store.Failure{Seq: seq, Subject: a.subject("account", "ann@example.com"), Count: 1, Age: time.Duration(m.clock.Now().UnixNano())})
		slices.SortFunc(m.rows, func(a, b store.Failure) int { return int(a.Seq - b.Seq) })
		exchange(a, a)
		if failures(a) != 6+i {
			t.Errorf("%d failures after row %d", failures(a), seq)
		}
	}
	m.clock.Advance(50 * time.Minute)
	exchange(a, c)
	if failures(c) != 3 {
		t.Errorf("%d failures count after the hour", failures(c))
	}
	m.fault = errors.New("down")
	m.clock.Advance(quiet)
	guess2 := Attempt{Account: "bob@example.com", Addr: address("192.0.2.1")}
	if _, err := a.Begin(t.Context(), guess2); !errors.Is(err, m.fault) {
		t.Errorf("without a database: %v", err)
	}
	if err := a.Exchange(t.Context()); !errors.Is(err, m.fault) {
		t.Errorf("without a database: %v", err)
	}
}

// TestV2NotToldAsNew: what could not be told for long is not told as something of
// this moment, and what waits is bounded, whatever strangers come up with.
func TestV2NotToldAsNew(t *testing.T) {
	t.Parallel()
	m := newMemory()
	a := newGuard(t, m)
	m.fault = errors.New("down")
	a.addUntold(a.subject("account", "old@example.com"), untold{count: 1, since: m.clock.Now()})
	m.clock.Advance(tellWithin)
	a.addUntold(a.subject("account", "old@example.com"), untold{count: 1, since: m.clock.Now()})
	a.addUntold(a.subject("account", "new@example.com"), untold{count: 2, since: m.clock.Now()})
	if err := a.Tell(t.Context()); !errors.Is(err, m.fault) {
		t.Fatal(err)
	}
	m.clock.Advance(1)
	m.fault = nil
	if err := a.Tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.rows) != 1 || m.rows[0].Count != 2 || len(a.untold) != 0 {
		t.Errorf("%d rows, %d wait", len(m.rows), len(a.untold))
	}
	for i := range maxCounters + 10 {
		a.addUntold(store.Digest{byte(i), byte(i >> 8), byte(i >> 16)}, untold{count: 1, since: m.clock.Now()})
	}
	if len(a.untold) != maxCounters {
		t.Errorf("%d wait, want %d", len(a.untold), maxCounters)
	}
}

// A failure that could not be told is told later.
// TestO24Quiet: a server on which nobody tries a password asks seldom what failed
// elsewhere, and every time from the first attempt on.
func TestO24Quiet(t *testing.T) {
	t.Parallel()
	m := newMemory()
	g := newGuard(t, m)
	reads := func(seconds int) int {
		t.Helper()
		before := m.read
		for range seconds {
			if err := g.Exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.clock.Advance(time.Second)
		}
		return m.read - before
	}
	if n := reads(60); n != 6 {
		t.Errorf("%d reads in a quiet minute", n)
	}
	guess(t, g, Attempt{Account: "ann@example.com"})
	if n := reads(10); n != 10 {
		t.Errorf("%d reads in the ten seconds after an attempt", n)
	}
	if n := reads(60); n != 6 {
		t.Errorf("%d reads in the minute after those", n)
	}
}

func TestV2ToldLater(t *testing.T) {
	t.Parallel()
	m := newMemory()
	a, b := newGuard(t, m), newGuard(t, m)
	for range 3 {
		guess(t, a, Attempt{Account: "ann@example.com"})
	}
	m.fault = errors.New("down")
	if err := a.Exchange(t.Context()); !errors.Is(err, m.fault) {
		t.Fatal(err)
	}
	m.fault = nil
	for _, g := range []*Guard{a, b} {
		if err := g.Exchange(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.counter(b.subject("account", "ann@example.com")).count(m.clock.Now()); n != 3 {
		t.Errorf("%d failures were told", n)
	}
}

// TestV5NumbersGoBack: where the database begins anew, with fewer failures and
// lower numbers, servers hear what fails from then on, and what they had heard
// before counts once.
func TestV5NumbersGoBack(t *testing.T) {
	t.Parallel()
	m := newMemory()
	life := uint64(1)
	newOne := func() *Guard {
		g := newGuard(t, m)
		g.config.Life = func() uint64 { return life }
		return g
	}
	a, b := newOne(), newOne()
	exchange := func() {
		t.Helper()
		for _, g := range []*Guard{a, b} {
			if err := g.Exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ann := b.subject("account", "ann@example.com")
	heard := func() int {
		b.lock.Lock()
		defer b.lock.Unlock()
		return b.counter(ann).count(m.clock.Now())
	}
	failures := func(want int) {
		t.Helper()
		if n := heard(); n != want {
			t.Errorf("%d failures were heard, want %d", n, want)
		}
	}
	fail := func() {
		t.Helper()
		if wait, _ := guess(t, a, Attempt{Account: "ann@example.com"}); wait != 0 {
			t.Fatalf("an attempt has to wait %v", wait)
		}
		m.clock.Advance(quiet)
		exchange()
		m.clock.Advance(time.Minute)
	}
	for range 3 {
		fail()
	}
	exchange()
	failures(3)

	m.rows = m.rows[:1]
	life++
	m.fault = errors.New("down")
	if err := b.Exchange(t.Context()); !errors.Is(err, m.fault) {
		t.Errorf("without a database: %v", err)
	}
	m.fault = nil
	fail()
	failures(4)
	exchange()
	failures(4)

	life++ // once more, and nothing was lost
	exchange()
	failures(4)
	fail()
	failures(5)

	m.clock.Jump(-time.Hour / 2) // the clock of the one that takes over is behind
	life++
	exchange()
	before := heard()
	if err := m.AddFailures(t.Context(), []store.Failure{{Subject: ann, Source: 1, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	m.clock.Advance(quiet)
	exchange()
	failures(before + 1)
}
