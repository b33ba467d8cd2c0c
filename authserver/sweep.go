package authserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// sweepEvery is how often expired reservations are looked for. Nobody waits for
// it: whatever asks for an account gets what its expired reservations hold.
const sweepEvery = 10 * time.Second

// ledgerPolicy makes a ledger.Policy of the configured gifts.
func ledgerPolicy(c Credits) ledger.Policy {
	return ledger.Policy{SignupBonus: c.SignupBonus, Daily: c.DailyFree, DailyCap: c.DailyCap}
}

// sweeper is the worker that returns what expired reservations hold.
type sweeper struct {
	ledger *ledger.Ledger
	log    *slog.Logger
}

func (s sweeper) run(ctx context.Context) error {
	_, err := s.ledger.Sweep(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "the credits of expired reservations could not be released", "error", err)
	}
	return err
}
