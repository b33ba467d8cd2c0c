package authserver

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

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
	// metrics is set before the first look. Nil: nothing is counted.
	metrics *metrics

	known atomic.Pointer[known] // replaced, never changed

	looking sync.Mutex // guards marks and failing
	marks   []mark     // the first is where the next look begins
	failing bool

	learning sync.Mutex // held to replace known
}

// known is what is known at one moment.
type known struct {
	at    time.Time            // when the last good look began
	ended map[string]time.Time // ids of sessions, and until when they are kept
}

// mark is the highest number that was seen by an instant.
type mark struct {
	at  time.Time
	seq int64
}

func newRevocations(source store.Revocations, clock Clock, log *slog.Logger) *revocations {
	r := &revocations{source: source, clock: clock, log: log, marks: []mark{{}}}
	r.known.Store(&known{})
	return r
}

// current is what is known at now; nil where the last good look is too long
// ago for that to count.
func (r *revocations) current(now time.Time) *known {
	k := r.known.Load()
	if now.Sub(k.at) > knownFor {
		return nil
	}
	return k
}

// has says whether a session is known to have ended.
func (k *known) has(session string) bool {
	_, ended := k.ended[session]
	return ended
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
			r.metrics.storeError(partRevocations)
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
	r.learn(now, ids)
	return nil
}

// note adds sessions that this server ended.
func (r *revocations) note(ids []string) {
	if len(ids) > 0 {
		r.learn(time.Time{}, ids)
	}
}

// learn adds sessions that ended, and drops those that no verdict is old enough
// to have missed. looked is when the look began that found them; zero: none.
func (r *revocations) learn(looked time.Time, ids []string) {
	r.learning.Lock()
	defer r.learning.Unlock()
	now := r.clock.Now()
	next := *r.known.Load()
	if !looked.IsZero() {
		next.at = looked
	}
	ended := make(map[string]time.Time, len(next.ended)+len(ids))
	maps.Copy(ended, next.ended)
	maps.DeleteFunc(ended, func(_ string, until time.Time) bool { return now.After(until) })
	for _, id := range ids {
		if _, there := ended[id]; !there {
			ended[id] = now.Add(verdictAge)
		}
	}
	next.ended = ended
	r.known.Store(&next)
}

// forget drops from the database what no server needs any more.
func (r *revocations) forget(ctx context.Context) {
	if err := r.source.ForgetRevocations(ctx, r.clock.Now().Add(-keepRevocations)); err != nil && ctx.Err() == nil {
		r.log.ErrorContext(ctx, "old revocations cannot be dropped", "error", err)
	}
}

// start looks for the first time, and again and again until end.
func (r *revocations) start(ctx context.Context) (end func(), err error) {
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	endLooks := every(r.clock, pollInterval, func(ctx context.Context) { _ = r.look(ctx) }) // it has logged the error
	endForgetting := every(r.clock, time.Minute, r.forget)
	return func() {
		endLooks()
		endForgetting()
	}, nil
}
