package authserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/background"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// pingTime is how long the database may take to answer a readiness probe:
	// less than probes usually wait.
	pingTime = 900 * time.Millisecond
	// pingFresh is how long the result serves, whatever it was.
	pingFresh = 500 * time.Millisecond
)

// pinger says whether the database answers. It asks two times a second at most,
// so that probes do not pile up on a database that is in trouble.
func pinger(clock Clock, log *slog.Logger, counted *meter.Meter, ping func(context.Context) error) *background.Remembered[struct{}] {
	return background.NewRemembered(background.RememberedConfig{
		Clock: clock, Fresh: pingFresh, Retry: pingFresh, Timeout: pingTime, Logger: log,
	}, func(ctx context.Context) (none struct{}, err error) {
		if err = ping(ctx); err != nil {
			counted.StoreError(meter.PartHealth)
			log.ErrorContext(ctx, "not ready: the database does not answer", "error", err)
		}
		return none, err
	})
}

// knownKeys is all service keys: one query a second, however many strangers
// send a key that nobody knows.
func knownKeys(clock Clock, log *slog.Logger, keys store.ServiceKeys) *background.Remembered[[]store.ServiceKey] {
	return background.NewRemembered(background.RememberedConfig{
		Clock: clock, Fresh: servicekey.Fresh, Retry: servicekey.Retry, Timeout: servicekey.Timeout, Logger: log,
	}, keys.ServiceKeys)
}
