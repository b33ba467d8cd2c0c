package authserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// purgeEvery is how often sessions are looked for that ended long ago. Each
	// time all sessions are read: an index by their end would have to change
	// with each refresh.
	purgeEvery = time.Hour
	// purgeRows is how many sessions are looked at, and rows deleted, at once:
	// SQLite's one writer is held for some 10 ms by so many.
	purgeRows = 100
)

// purge deletes sessions that ended longer than keep ago. That is days, and so
// beyond any refresh under way, access token or revocation that a server still
// has to hear of.
type purge struct {
	sessions store.Retention
	clock    Clock
	log      *slog.Logger
	meter    *meter.Meter
	keep     time.Duration
}

// run goes through all sessions. Those that cannot be deleted do not save those
// behind them.
func (p purge) run(ctx context.Context) error {
	before := p.clock.Now().Add(-p.keep)
	var failed error
	for after := ""; ; {
		next, purged, err := p.sessions.PurgeSessions(ctx, before, after, purgeRows)
		p.meter.SessionsPurged(purged)
		if failed == nil {
			failed = err
		}
		if next == "" {
			break
		}
		after = next
	}
	if failed != nil && ctx.Err() == nil {
		p.meter.StoreError(meter.PartRetention)
		p.log.ErrorContext(ctx, "ended sessions could not be deleted", "error", failed)
	}
	return failed
}
