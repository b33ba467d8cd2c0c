package revocation

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// PollInterval is how often a server polls the revocations.
	PollInterval = 250 * time.Millisecond
	// ForgetInterval is how often a server drops old revocations.
	ForgetInterval = time.Minute
	// KnownFor is how long the result of a poll is relied on. Every server sees
	// a revocation within this time, or asks the database for each token.
	KnownFor = 900 * time.Millisecond
	// readyFor is how long ago the last poll of a server may be that is ready.
	// It is longer than a probe of the database takes, so that a poll that is
	// late is no outage.
	readyFor = 10 * time.Second
	// Margin is how much longer than the longest access token lives a revocation
	// is kept: the leeway of whoever reads the token, which is 5 minutes at most,
	// and what the clocks of the servers that sign and that end may differ.
	Margin = 20 * time.Minute
)

// Config configures a Log.
type Config struct {
	Source store.Revocations
	Clock  clock.Clock
	Logger *slog.Logger
	// Meter counts the polls that the database did not answer. Nil means that
	// nothing is counted.
	Meter *meter.Meter
	// KeepFor is how long the database keeps a revocation.
	KeepFor time.Duration
	// Feed is told of the sessions that ended, as soon as the Log knows.
	Feed *feed.Hub
}

// Log holds the sessions that ended before they expired. It holds none before
// the first Poll. It is safe for concurrent use.
//
// Each poll reads what was committed since the poll before, and the store knows
// what may have been overlooked then because it was under way. Where the
// database was restarted, restored or replaced by a standby, the log begins
// anew, and what was asked before does not count any more.
type Log struct {
	config Config

	polling sync.Mutex // guards mark and failing
	mark    store.Mark // where the next poll reads on
	failing bool

	lock  sync.RWMutex         // guards what follows
	at    time.Time            // when the last successful poll began
	life  Life                 // of the database
	ended map[string]time.Time // ids of sessions, and until when they are kept
}

// Life is a life of the database: another one begins where it was restarted,
// restored or replaced. It is a number and not an instant, because the clock of
// another database may be behind. The zero Life is before the first poll.
type Life uint64

// New makes a log that holds no session yet.
func New(config Config) *Log {
	return &Log{config: config, ended: map[string]time.Time{}}
}

// State reports whether a session is known to have ended. known says whether
// the log, and what the database said in that life, can be relied on at now. It
// is false where the last successful poll is too long ago, and where the database
// is not the one that was asked.
func (l *Log) State(session string, asked Life, now time.Time) (ended, known bool) {
	l.lock.RLock()
	defer l.lock.RUnlock()
	_, ended = l.ended[session]
	return ended, now.Sub(l.at) <= KnownFor && asked == l.life
}

// Knows reports whether the log can be relied on for readiness: the last
// successful poll is not long ago. Requests do without it for as long.
func (l *Log) Knows(now time.Time) bool {
	l.lock.RLock()
	defer l.lock.RUnlock()
	return now.Sub(l.at) <= readyFor
}

// Life is the life of the database that the last poll saw. What the database said
// in another one does not count.
func (l *Log) Life() Life {
	l.lock.RLock()
	defer l.lock.RUnlock()
	return l.life
}

// Note adds sessions that this server ended.
func (l *Log) Note(ids []string) {
	now := l.config.Clock.Now()
	ended := make([]feed.Ended, 0, len(ids))
	for _, id := range ids {
		ended = append(ended, feed.Ended{SessionID: id, At: now})
	}
	l.config.Feed.Noted(now, ended)
	l.lock.Lock()
	defer l.lock.Unlock()
	l.add(ids)
}

// Poll asks the database which sessions have ended. It logs an error when a
// fault begins and a line when the fault is over.
func (l *Log) Poll(ctx context.Context) error {
	l.polling.Lock()
	defer l.polling.Unlock()
	now := l.config.Clock.Now()
	read, err := l.config.Source.Revocations(ctx, l.mark, now.Add(-l.config.KeepFor))
	if err != nil {
		l.failed(ctx, err)
		return err
	}
	if l.failing {
		l.config.Logger.InfoContext(ctx, "revocations are read again")
		l.failing = false
	}
	ids := make([]string, 0, len(read.List))
	ended := make([]feed.Ended, 0, len(read.List))
	for _, revocation := range read.List {
		ids = append(ids, revocation.SessionID)
		ended = append(ended, feed.Ended{SessionID: revocation.SessionID, At: revocation.At})
	}
	l.config.Feed.Polled(now, ended)
	first := l.mark == store.Mark{}
	l.mark = read.Next
	l.lock.Lock()
	defer l.lock.Unlock()
	l.at = now
	if read.Anew {
		l.life++
		if !first {
			l.config.Logger.WarnContext(ctx, "the database was restarted, restored or replaced: verdicts are asked for anew")
		}
	}
	// A session is dropped when every cached verdict is younger than its end.
	maps.DeleteFunc(l.ended, func(_ string, until time.Time) bool { return now.After(until) })
	l.add(ids)
	return nil
}

// failed counts and logs a failed poll, unless the poll was cut off because the
// server is closing.
func (l *Log) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	l.config.Meter.StoreError(meter.PartRevocations)
	if !l.failing {
		l.config.Logger.ErrorContext(ctx, "revocations cannot be read: every validation asks the database", "error", err)
		l.failing = true
	}
}

// add adds sessions that ended. A session that is there already is not kept for
// longer.
func (l *Log) add(ids []string) {
	until := l.config.Clock.Now().Add(VerdictAge)
	for _, id := range ids {
		if _, there := l.ended[id]; !there {
			l.ended[id] = until
		}
	}
}

// Forget deletes the revocations that no server needs any more from the
// database.
func (l *Log) Forget(ctx context.Context) error {
	err := l.config.Source.ForgetRevocations(ctx, l.config.Clock.Now().Add(-l.config.KeepFor))
	if err != nil && ctx.Err() == nil {
		l.config.Logger.ErrorContext(ctx, "old revocations cannot be dropped", "error", err)
	}
	return err
}
