package credits

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/internal/httpcall"
)

// Client of a credit ledger. It is safe for concurrent use; a process needs
// one. It starts goroutines only where Reserve says so, and for connections that
// are kept: Close ends both.
type Client struct {
	config  Config
	base    string // URL and prefix
	http    *http.Client
	idle    func()          // closes the idle connections that are the client's own
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	breaker *gobreaker.CircuitBreaker[*answer]
	warn    rate.Sometimes
	unknown unknown // reservations that are looked for

	calls, repeated, unavailable atomic.Uint64
}

// New makes a Client. It does no I/O. The error is ErrNotConfigured and says
// everything that is wrong with the configuration.
func New(config Config) (*Client, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		config:  config,
		base:    config.URL + config.Prefix,
		warn:    rate.Sometimes{First: 1, Interval: time.Minute},
		unknown: unknown{warn: rate.Sometimes{First: 1, Interval: time.Minute}},
	}
	c.http, c.idle = httpcall.Client(config.HTTPClient)
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.breaker = httpcall.NewBreaker[*answer](httpcall.BreakerConfig{
		Failures: config.Breaker.Failures,
		OpenFor:  config.Breaker.OpenFor,
		Judge:    c.judge,
		OnChange: func(from, to string) {
			c.logger().Warn("the circuit breaker of the credit ledger changed", "url", config.URL, "from", from, "to", to)
		},
	})
	return c, nil
}

// logger is asked for each time: a program may set slog.Default once its clients
// are made.
func (c *Client) logger() *slog.Logger { return cmp.Or(c.config.Logger, slog.Default()) }

// Close ends the calls under way, with ErrUnavailable, and refuses every other
// one. Once it returns, no goroutine of the client runs any more; what Reserve
// was still looking for is left to expire. It never fails; the error is there
// for io.Closer.
func (c *Client) Close() error {
	c.stop()
	c.unknown.close()
	c.idle()
	return nil
}

// Stats is what a Client has done since New.
type Stats struct {
	Calls       uint64 // calls of its methods that reached out to the ledger
	Repeated    uint64 // requests beyond the first of a call
	Unavailable uint64 // calls that ended with ErrUnavailable while their caller waited
	Breaker     string // closed, half-open or open
}

// Stats reads the counters; each is exact, and the whole is no snapshot of one
// instant.
func (c *Client) Stats() Stats {
	return Stats{
		Calls:       c.calls.Load(),
		Repeated:    c.repeated.Load(),
		Unavailable: c.unavailable.Load(),
		Breaker:     c.breaker.State().String(),
	}
}
