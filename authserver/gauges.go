package authserver

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/background"
	"github.com/manacore/manacore-go/authserver/internal/keys"
	"github.com/manacore/manacore-go/authserver/internal/meter"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// countFresh is how long a count of the sessions is cached, however often the
	// metrics are read.
	countFresh = time.Minute
	// countTime bounds one count.
	countTime = 2 * time.Second
)

// watchKeys adds the gauge of the signing key's age.
func watchKeys(m *meter.Meter, clock Clock, ring func() *keys.Ring) {
	m.Gauge("signing_key_age_seconds", "Seconds since the current key began to sign; NaN where none may sign.", func() float64 {
		now := clock.Now()
		key, err := ring().Signing(now)
		if err != nil {
			return math.NaN()
		}
		return now.Sub(key.SignsFrom).Seconds()
	})
}

// watchHashing shows the work on passwords.
func watchHashing(m *meter.Meter, h *password.Hasher) {
	m.Gauge("hashing_working", "Passwords being hashed.", func() float64 { return float64(h.Load().Working) })
	m.Gauge("hashing_waiting", "Requests that wait for their turn to hash a password.", func() float64 { return float64(h.Load().Waiting) })
	m.Counter("hashing_hashed_total", "Passwords that were hashed.", func() float64 { return float64(h.Load().Hashed) })
	m.Counter("hashing_refused_total", "Requests refused with 503 because the queue was full or the wait too long.", func() float64 { return float64(h.Load().Refused) })
}

// watchSessions shows how many sessions are live.
func watchSessions(m *meter.Meter, clock Clock, log *slog.Logger, sessions store.Statistics) {
	live := background.NewRemembered(background.RememberedConfig{
		Clock: clock, Fresh: countFresh, Retry: countFresh, Timeout: countTime, Logger: log,
	}, func(ctx context.Context) (int64, error) {
		count, err := sessions.CountLiveSessions(ctx, clock.Now())
		if err != nil {
			m.StoreError(meter.PartSessions)
			log.ErrorContext(ctx, "live sessions could not be counted", "error", err)
		}
		return count, err
	})
	m.Gauge("sessions_live", "Sessions that are neither revoked nor expired, counted once a minute at most, and estimated where they are very many; NaN: the database did not answer.", func() float64 {
		count, err := live.Get(context.Background())
		if err != nil {
			return math.NaN()
		}
		return float64(count)
	})
}
