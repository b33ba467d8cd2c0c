package authserver

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// pollInterval is how long a server waits between two looks at what others
	// revoked.
	pollInterval = 250 * time.Millisecond
	// knownFor is how long the last look counts. A revocation is seen
	// everywhere within this time, or the database is asked.
	knownFor = 900 * time.Millisecond
	// lateCommit is after how long a transaction that took a number has ended:
	// twice what the stores give a call.
	lateCommit = 10 * time.Second
	// keepRevocations is for how long the database keeps a revocation. Longer
	// than verdictAge, by what the clocks of two servers may differ.
	keepRevocations = 5 * time.Minute
)

// revocations is what a server knows of the sessions that ended before their
// time. It looks at the database again and again, and hears of what the server
// itself ended at once.
//
// A look begins where the one of lateCommit ago ended, and not at the last one:
// of two transactions at once the one with the higher number may be seen first.
type revocations struct {
	source store.Revocations
	clock  Clock
	log    *slog.Logger
	// meter is set before the first look. Nil: nothing is counted.
	meter *meter.Meter

	looking sync.Mutex // guards marks and failing
	marks   []mark     // the first is where the next look begins
	failing bool

	lock  sync.RWMutex         // guards what follows
	at    time.Time            // when the last good look began
	ended map[string]time.Time // ids of sessions, and until when they are kept
}

// mark is the highest number that was seen by an instant.
type mark struct {
	at  time.Time
	seq int64
}

func newRevocations(source store.Revocations, clock Clock, log *slog.Logger) *revocations {
	return &revocations{source: source, clock: clock, log: log, marks: []mark{{}}, ended: map[string]time.Time{}}
}

// state says what is known of a session at now: whether it has ended, and
// whether that counts, which it does not where the last good look is too long
// ago.
func (r *revocations) state(session string, now time.Time) (ended, known bool) {
	r.lock.RLock()
	defer r.lock.RUnlock()
	_, ended = r.ended[session]
	return ended, now.Sub(r.at) <= knownFor
}

// look asks the database for what is new.
func (r *revocations) look(ctx context.Context) error {
	r.looking.Lock()
	defer r.looking.Unlock()
	now := r.clock.Now()
	for len(r.marks) > 1 && now.Sub(r.marks[1].at) >= lateCommit {
		r.marks = r.marks[1:]
	}
	list, err := r.source.Revocations(ctx, r.marks[0].seq)
	if err != nil {
		if ctx.Err() == nil {
			r.meter.StoreError(meter.PartRevocations)
		}
		if !r.failing && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "revocations cannot be read: every validation asks the database", "error", err)
			r.failing = true
		}
		return err
	}
	if r.failing {
		r.log.InfoContext(ctx, "revocations are read again")
		r.failing = false
	}
	highest := r.marks[len(r.marks)-1].seq
	ids := make([]string, 0, len(list))
	for _, revocation := range list {
		highest = max(highest, revocation.Seq)
		ids = append(ids, revocation.SessionID)
	}
	r.marks = append(r.marks, mark{now, highest})
	r.lock.Lock()
	defer r.lock.Unlock()
	r.at = now
	// Those go that no verdict is old enough to have missed.
	maps.DeleteFunc(r.ended, func(_ string, until time.Time) bool { return now.After(until) })
	r.learn(ids)
	return nil
}

// Note adds sessions that this server ended.
func (r *revocations) Note(ids []string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.learn(ids)
}

// learn adds sessions that ended. Those that are there are not kept for longer.
func (r *revocations) learn(ids []string) {
	until := r.clock.Now().Add(verdictAge)
	for _, id := range ids {
		if _, there := r.ended[id]; !there {
			r.ended[id] = until
		}
	}
}

// forget drops from the database what no server needs any more.
func (r *revocations) forget(ctx context.Context) error {
	err := r.source.ForgetRevocations(ctx, r.clock.Now().Add(-keepRevocations))
	if err != nil && ctx.Err() == nil {
		r.log.ErrorContext(ctx, "old revocations cannot be dropped", "error", err)
	}
	return err
}
