// Package limit limits the requests of each client, which is an address, a user
// or an app, and says how long the next request has to wait.
package limit

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/internal/subnet"
)

// maxClients is how many clients a limiter remembers, about 20 MB. Beyond that
// number, the one that was seen longest ago is dropped and begins
// anew.
const maxClients = 1 << 16

// client is an address, or a user or an app.
type client struct {
	addr netip.Prefix
	who  string
}

// Limiter holds one token bucket for each client. It is safe for
// concurrent use.
type Limiter struct {
	name     string
	requests int
	per      time.Duration
	buckets  *lru.Cache[client, *rate.Limiter]
}

// New makes a limiter that admits that many requests in each period per from
// one client. Both are positive. The name is for metrics.
func New(name string, requests int, per time.Duration) *Limiter {
	buckets, err := lru.New[client, *rate.Limiter](maxClients)
	if err != nil {
		panic("limit: " + err.Error()) // The size is a constant that the cache accepts.
	}
	return &Limiter{name: name, requests: requests, per: per, buckets: buckets}
}

// Name is the name that the limiter was made with.
func (l *Limiter) Name() string { return l.name }

// Take admits a request, or says how long to wait for the next one. A request
// that is not admitted costs nothing. IPv6 addresses count by their /64.
func (l *Limiter) Take(addr netip.Addr, now time.Time) (wait time.Duration) {
	return l.take(client{addr: subnet.Client(addr)}, now)
}

// TakeOf is Take for a user or an app.
func (l *Limiter) TakeOf(who string, now time.Time) (wait time.Duration) {
	return l.take(client{who: who}, now)
}

// GiveBack undoes a Take that admitted a request, as if it had not come.
func (l *Limiter) GiveBack(addr netip.Addr, now time.Time) {
	l.giveBack(client{addr: subnet.Client(addr)}, now)
}

// GiveBackOf is GiveBack for a user or an app.
func (l *Limiter) GiveBackOf(who string, now time.Time) { l.giveBack(client{who: who}, now) }

func (l *Limiter) take(c client, now time.Time) (wait time.Duration) {
	bucket, ok := l.buckets.Get(c)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.per/time.Duration(l.requests)), l.requests)
		if earlier, found, _ := l.buckets.PeekOrAdd(c, bucket); found {
			bucket = earlier
		}
	}
	// A cancelled reservation of package rate does not give everything back
	// where requests are concurrent, so no reservation is made.
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), time.Millisecond)
}

// giveBack puts a token back. A bucket never holds more than it did at first.
func (l *Limiter) giveBack(c client, now time.Time) {
	if bucket, ok := l.buckets.Peek(c); ok {
		bucket.AllowN(now, -1)
	}
}
