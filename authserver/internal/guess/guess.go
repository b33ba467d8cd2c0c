package guess

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/internal/subnet"
)

// maxCounters is how many counters a server keeps, some 20 MB. Beyond that, the
// one that was asked for longest ago is dropped.
const maxCounters = 1 << 16

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Config configures a Guard. All of it is required.
type Config struct {
	Store store.Guesses
	Clock Clock
	Log   *slog.Logger
	// Key makes the digests. All servers of a database have the same one.
	Key []byte
	// Life numbers the lives of the database: another one begins where it was
	// restarted, restored or replaced. Zero means that this is not known yet.
	Life func() uint64
	// Random is the source of the number by which a server knows its own rows.
	Random io.Reader
}

// Guard counts guesses. A nil Guard admits every attempt and takes every device
// for known, because it could never tell one. It is safe for concurrent use.
type Guard struct {
	config Config
	source int64

	lock     sync.Mutex // guards what follows
	counters *lru.Cache[store.Digest, *counter]
	untold   map[store.Digest]untold
	tried    time.Time // when the last attempt came

	exchanging sync.Mutex // guards what follows
	marks      []mark     // the next poll reads the numbers above the first mark
	seen       map[int64]bool
	life       uint64    // of the database that the numbers are of
	heardTo    time.Time // failures from before were heard in an earlier life
	failing    bool
}

// New makes a Guard that knows no failures yet.
func New(c Config) (*Guard, error) {
	counters, err := lru.New[store.Digest, *counter](maxCounters)
	if err != nil {
		return nil, err
	}
	source := make([]byte, 7)
	if _, err := io.ReadFull(c.Random, source); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	g := &Guard{config: c, counters: counters, untold: map[store.Digest]untold{}, marks: []mark{{}}, seen: map[int64]bool{}}
	for _, b := range source {
		g.source = g.source<<8 | int64(b)
	}
	return g, nil
}

// Attempt is somebody who is about to say a password.
type Attempt struct {
	// Account is the e-mail address in its stored form, whether or not there is
	// such an account.
	Account string
	// Addr is where the attempt comes from. The zero Addr is unknown.
	Addr netip.Addr
	// Device is the id that the device sends. It may be empty.
	Device string
}

// LockedError means that the attempt comes too early.
type LockedError struct{ Wait time.Duration }

func (e *LockedError) Error() string {
	return fmt.Sprintf("too many wrong passwords: the next attempt may come in %v", e.Wait)
}

// Ticket is an attempt that was admitted. End it.
type Ticket struct {
	// Known reports whether the attempt comes from a known device and is
	// counted as one.
	Known    bool
	guard    *Guard
	subjects []store.Digest
	counters []*counter
}

// Begin admits an attempt, or returns a LockedError. Until the attempt ends it
// counts as a failure, so that many at once are no more than many in a row.
// Every other error means that the database did not say whether the device is
// known.
func (g *Guard) Begin(ctx context.Context, a Attempt) (*Ticket, error) {
	if g == nil {
		return &Ticket{Known: true}, nil
	}
	device, known := g.Device(a.Account, a.Device, a.Addr)
	if known {
		// Asked for every account, also where there is none, so that the time
		// does not tell.
		var err error
		if known, err = g.config.Store.KnownDevice(ctx, device); err != nil {
			return nil, err
		}
	}
	now := g.config.Clock.Now()
	g.lock.Lock()
	defer g.lock.Unlock()
	g.tried = now
	if known {
		shares := []store.Digest{g.subject("share", string(device[:])), g.subject("shares", a.Account)}
		if g.counter(shares[0]).count(now) < deviceShare && g.counter(shares[1]).count(now) < devicesShare {
			return g.reserve(true, shares), nil
		}
	}
	subjects, rules := []store.Digest{g.subject("account", a.Account)}, []rule{accountRule}
	if a.Addr.IsValid() {
		subjects = append(subjects, g.subject("address", Address(a.Addr)), g.subject("network", subnet.Of(a.Addr, 24, 48).String()))
		rules = append(rules, addressRule, networkRule)
	}
	var wait time.Duration
	for i, subject := range subjects {
		wait = max(wait, g.counter(subject).wait(rules[i], now))
	}
	if wait > 0 {
		return nil, &LockedError{Wait: wait}
	}
	return g.reserve(false, subjects), nil
}

// reserve counts the attempt as one that is being checked.
func (g *Guard) reserve(known bool, subjects []store.Digest) *Ticket {
	t := &Ticket{Known: known, guard: g, subjects: subjects}
	for _, subject := range subjects {
		c, there := g.counters.Get(subject)
		if !there {
			c = &counter{}
			g.counters.Add(subject, c)
		}
		c.pending++
		t.counters = append(t.counters, c)
	}
	return t
}

// counter is the counter of a subject, for reading.
func (g *Guard) counter(subject store.Digest) *counter {
	if c, there := g.counters.Get(subject); there {
		return c
	}
	return &counter{}
}

// End ends an attempt. failed says that the password was wrong; an attempt that
// was right, or that nobody decided, leaves no trace. Only the first call
// counts.
func (t *Ticket) End(failed bool) {
	g := t.guard
	if g == nil {
		return
	}
	t.guard = nil
	now := g.config.Clock.Now()
	g.lock.Lock()
	defer g.lock.Unlock()
	for i, c := range t.counters {
		c.pending--
		if failed {
			c.add(now, 1)
			g.addUntold(t.subjects[i], untold{count: 1, since: now})
		} else if c.count(now) == 0 {
			g.counters.Remove(t.subjects[i])
		}
	}
}
