package authserver

import (
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/manacore/manacore-go/internal/wire"
)

// maxClients is how many addresses a limiter remembers, about 15 MB. Beyond
// it the one unseen for longest is forgotten and begins anew.
const maxClients = 1 << 16

// limiter holds one token bucket for each client address.
type limiter struct {
	name    string // for the metrics
	limit   Limit
	buckets *lru.Cache[netip.Addr, *rate.Limiter]
}

func newLimiter(name string, limit Limit) (*limiter, error) {
	buckets, err := lru.New[netip.Addr, *rate.Limiter](maxClients)
	if err != nil {
		return nil, err
	}
	return &limiter{name, limit, buckets}, nil
}

// take admits a request or says how long to wait for the next one. A request
// that is not admitted costs nothing.
func (l *limiter) take(addr netip.Addr, now time.Time) (wait time.Duration) {
	if addr.Is6() {
		// One customer has a /64; by single addresses the limit would be none.
		// 64 bits are never too many for an IPv6 address.
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	bucket, ok := l.buckets.Get(addr)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(l.limit.Per/time.Duration(l.limit.Requests)), l.limit.Requests)
		if earlier, found, _ := l.buckets.PeekOrAdd(addr, bucket); found {
			bucket = earlier
		}
	}
	// Not reserved and cancelled: among concurrent requests that does not give
	// everything back.
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), time.Millisecond)
}

// middleware limits the endpoints given to it, all together.
func (l *limiter) middleware(o responder) func(endpoint) endpoint {
	return func(serve endpoint) endpoint {
		return func(w http.ResponseWriter, r *http.Request) error {
			if wait := l.take(o.addr(r), o.now()); wait > 0 {
				o.metrics.rateLimited(l.name)
				return &failure{wire.RateLimited, textRateLimited, wait}
			}
			return serve(w, r)
		}
	}
}
