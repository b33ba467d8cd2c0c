package httpcall

import (
	"time"

	"github.com/sony/gobreaker/v2"
)

// Outcome is what a call says about the server's health.
type Outcome int

// The outcomes of a call.
const (
	Well    Outcome = iota // the server answered as it should, be it with a no
	Ill                    // the server failed, answered nonsense, or let the client's own timeout pass
	Unknown                // nothing is said about the server
)

// BreakerConfig of NewBreaker. Every field is set, but for OnChange.
type BreakerConfig struct {
	Failures uint32        // how many in a row open it
	OpenFor  time.Duration // the pause before a probe is let through
	Judge    func(error) Outcome
	OnChange func(from, to string)
}

// NewBreaker makes a circuit breaker that lets one probe at a time through
// once it has been open for long enough. It runs on the system's clock.
func NewBreaker[T any](cfg BreakerConfig) *gobreaker.CircuitBreaker[T] {
	return gobreaker.NewCircuitBreaker[T](gobreaker.Settings{
		MaxRequests:  1,
		Timeout:      cfg.OpenFor,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= cfg.Failures },
		IsSuccessful: func(err error) bool { return cfg.Judge(err) == Well },
		IsExcluded:   func(err error) bool { return cfg.Judge(err) == Unknown },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			if cfg.OnChange != nil {
				cfg.OnChange(from.String(), to.String())
			}
		},
	})
}
