package client

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
	if c.memory.yes != nil {
		s.CacheHits, s.CacheMisses, s.Cached = c.memory.yes.Counts()
		s.Verified += s.CacheHits - c.undone.Load()
	}
	for _, it := range c.all {
		i := IssuerStats{URL: it.URL, Revocations: RevocationStats{State: "off"}}
		it.stats(&i)
		s.Issuers = append(s.Issuers, i)
	}
	return s
}
