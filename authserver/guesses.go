package authserver

import (
	"context"
	"fmt"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/background"
	"github.com/manacore/manacore-go/authserver/internal/guess"
	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

// finalRunTime is how long a server that closes may take to store what failed.
const finalRunTime = 5 * time.Second

// openGuesses makes the limiter of guesses and reads what failed in the last
// hour. It is nil where rate limits are off. life is that of guess.Config.
func openGuesses(ctx context.Context, cfg Config, db store.Store, life func() uint64) (*guess.Guard, error) {
	if cfg.HTTP.RateLimitsDisabled {
		return nil, nil
	}
	key, err := keysConfig(cfg, db, nil).KEK.Derive("manacore: known devices and guesses")
	if err != nil {
		return nil, fmt.Errorf("guesses: %w", err)
	}
	guesses, err := guess.New(guess.Config{Store: db, Clock: cfg.Clock, Log: cfg.Logger, Key: key, Life: life, Random: cfg.Random})
	if err != nil {
		return nil, fmt.Errorf("guesses: %w", err)
	}
	return guesses, guesses.Exchange(ctx)
}

// watchGuesses starts the workers that share failed passwords between servers and
// record them in the security log. They run once more when the server closes.
func watchGuesses(work *background.Group, guesses *guess.Guard, people *identity.Service) {
	work.Every("record failed passwords", identity.FailuresInterval, people.RecordFailures)
	work.OnClose("record failed passwords", finally(people.RecordFailures))
	if guesses == nil {
		return
	}
	work.Every("exchange failed passwords", guess.ExchangeInterval, guesses.Exchange)
	work.Every("forget failed passwords", guess.ForgetInterval, guesses.Forget)
	work.OnClose("exchange failed passwords", finally(guesses.Tell))
}

// finally runs a worker once more when the server closes.
func finally(f func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), finalRunTime)
		defer cancel()
		return f(ctx)
	}
}
