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
	// pingFresh is how long the result of a ping is used, good or bad.
	pingFresh = 500 * time.Millisecond
)

// pinger reports whether the database answers. It asks at most twice a second,
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

// knownKeys lists all service keys. It queries the database at most once a
// second, however many requests come with an unknown key.
func knownKeys(clock Clock, log *slog.Logger, keys store.ServiceKeys) *background.Remembered[[]store.ServiceKey] {
	return background.NewRemembered(background.RememberedConfig{
		Clock: clock, Fresh: servicekey.Fresh, Retry: servicekey.Retry, Timeout: servicekey.Timeout, Logger: log,
	}, keys.ServiceKeys)
}
