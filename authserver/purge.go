package authserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/meter"
)

// purgeEvery is how often old sessions are deleted. Each run reads all sessions,
// because an index by their end would have to change with each refresh.
const purgeEvery = time.Hour

// markEvery is how often the rows of sessions that ended all at once are marked.
const markEvery = 15 * time.Second

// purge is the worker that deletes the sessions that ended longer than keep ago.
type purge struct {
	people *identity.Service
	clock  Clock
	log    *slog.Logger
	meter  *meter.Meter
	keep   time.Duration
}

func (p purge) run(ctx context.Context) error {
	err := p.people.Purge(ctx, p.clock.Now().Add(-p.keep), p.meter.SessionsPurged)
	if err != nil && ctx.Err() == nil {
		p.meter.StoreError(meter.PartRetention)
		p.log.ErrorContext(ctx, "ended sessions could not be deleted", "error", err)
	}
	return err
}

// marker is the worker that marks the rows of sessions that ended all at once.
type marker struct {
	people *identity.Service
	log    *slog.Logger
	meter  *meter.Meter
}

func (m marker) run(ctx context.Context) error {
	err := m.people.MarkEnded(ctx)
	if err != nil && ctx.Err() == nil {
		m.meter.StoreError(meter.PartRetention)
		m.log.ErrorContext(ctx, "ended sessions could not be marked", "error", err)
	}
	return err
}
