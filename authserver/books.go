package authserver

import (
	"context"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// sweepEvery is how often expired reservations are looked for.
const sweepEvery = time.Second

// books are the ledger and its sweep.
type books struct {
	*ledger.Ledger
	endSweep func()
}

func openBooks(cfg Config, db store.Store) books {
	c := ledger.Config{
		Store:  db.Ledger(),
		Policy: ledger.Policy{SignupBonus: cfg.Credits.SignupBonus, Daily: cfg.Credits.DailyFree, DailyCap: cfg.Credits.DailyCap},
		Now:    cfg.Clock.Now, Random: cfg.Random, Log: cfg.Logger,
		Lanes: lanes(cfg),
	}
	l := ledger.New(c)
	return books{l, every(cfg.Clock, sweepEvery, func(ctx context.Context) {
		if _, err := l.Sweep(ctx); err != nil && ctx.Err() == nil {
			cfg.Logger.ErrorContext(ctx, "expired reservations could not be returned", "error", err)
		}
	})}
}

func (b books) close() {
	b.endSweep()
	b.Close()
}
