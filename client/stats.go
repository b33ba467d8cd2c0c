package client

import "github.com/manacore/manacore-go/client/internal/keys"

// Stats is what a Client has done since New, and what it holds.
type Stats struct {
	// Verified, Unauthenticated and Unavailable count the outcomes of Verify.
	Verified, Unauthenticated, Unavailable uint64
	// GivenUp counts the calls that ended without a verdict after their context
	// had: they say nothing about the auth server, and are not in Unavailable.
	GivenUp uint64
	// KeyPending counts the tokens that ended with ErrKeyPending. They say nothing
	// about the auth server either, and are not in Unavailable.
	KeyPending uint64
	// Fallbacks counts the tokens that remote mode left to local verification.
	Fallbacks uint64
	// CacheHits and CacheMisses count look-ups of verified tokens; Cached is
	// how many are held.
	CacheHits, CacheMisses uint64
	Cached                 int
	Issuers                []IssuerStats
}

// IssuerStats is the state of one issuer.
type IssuerStats struct {
	URL     string
	Keys    int    // usable keys held
	Serving bool   // the key set may verify now
	Fetches uint64 // of the JWKS, failed ones included
	Failed  uint64 // fetches that failed
	Breaker string // closed, half-open or open; "" in local mode without RevocationsRequired
	// Revocations is the state of the feed of revocations.
	Revocations RevocationStats
}

// RevocationStats is the state of an issuer's feed of revocations.
type RevocationStats struct {
	State  string // "off", "unannounced", "fresh" or "silent"
	Ended  int    // sessions held that have ended
	Unseen uint64 // tokens verified while the feed was silent, whose session may have ended
	// Connections counts the connections begun, and Faults those that ended by
	// themselves.
	Connections, Faults uint64
}

// Stats reads the counters; each is exact, and the whole is no snapshot of one
// instant.
func (c *Client) Stats() Stats {
	s := Stats{
		Verified:        c.accepted.Load(),
		Unauthenticated: c.denied.Load(),
		Unavailable:     c.down.Load(),
		GivenUp:         c.givenUp.Load(),
		KeyPending:      c.keyPending.Load(),
		Fallbacks:       c.fallbacks.Load(),
	}
	if c.verified != nil {
		s.CacheHits, s.CacheMisses, s.Cached = c.verified.Counts()
		s.Verified += s.CacheHits - c.undone.Load()
	}
	for _, it := range c.all {
		i := IssuerStats{URL: it.URL, Fetches: it.fetches.Load(), Failed: it.failed.Load()}
		if it.keys != nil {
			i.Keys = it.keys.Len()
			i.Serving = it.keys.Serving(c.config.Clock.Now())
		}
		if it.remote != nil {
			i.Breaker = it.remote.State()
		}
		i.Revocations = RevocationStats{State: "off"}
		if r := it.revocations; r != nil {
			i.Revocations = r.stats()
			if r.asked != nil {
				i.Breaker = r.asked.State()
			}
		}
		s.Issuers = append(s.Issuers, i)
	}
	return s
}

func (c *Client) fetched(it *issuer, f keys.Fetch) {
	it.fetches.Add(1)
	if f.Err != nil {
		it.failed.Add(1)
	}
	if trace := c.config.Trace; trace != nil && trace.KeyFetch != nil {
		trace.KeyFetch(KeyFetchInfo{URL: f.URL, Duration: f.Duration, Keys: f.Keys, Err: f.Err})
	}
}

func (c *Client) breakerChanged(it *issuer, from, to string) {
	if trace := c.config.Trace; trace != nil && trace.BreakerChange != nil {
		trace.BreakerChange(BreakerChangeInfo{URL: it.URL, From: from, To: to})
	}
}
