package client

import "time"

// Trace is a set of hooks, in the manner of httptrace.ClientTrace. A nil hook
// is skipped. Hooks are called on the path of a request or of a fetch, from
// several goroutines, and must return soon; they never see a token. A panic of
// KeyFetch or BreakerChange is an error in the log.
type Trace struct {
	// KeyFetch: a fetch of an issuer's JWKS has ended.
	KeyFetch func(KeyFetchInfo)
	// BreakerChange: the circuit breaker of remote mode changed. The hook must
	// not call Stats.
	BreakerChange func(BreakerChangeInfo)
	// CacheLookup: a token was, or was not, found in the cache.
	CacheLookup func(hit bool)
	// Verified: Verify is about to return.
	Verified func(VerifiedInfo)
}

// KeyFetchInfo is one fetch of a JWKS.
type KeyFetchInfo struct {
	URL      string
	Duration time.Duration
	Keys     int   // usable keys now held
	Err      error // nil where the set was confirmed or replaced
}

// BreakerChangeInfo is a change of state: closed, half-open or open.
type BreakerChangeInfo struct {
	URL      string // of the auth server
	From, To string
}

// VerifiedInfo is the outcome of one Verify.
type VerifiedInfo struct {
	Err      error
	Duration time.Duration
}
