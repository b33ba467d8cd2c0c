package authtest

import (
	"net/http"
	"time"
)

// mode is how the issuer answers at the moment; its zero value is healthy. A
// mode does not change: another one replaces it.
type mode struct {
	down      bool
	hang      bool
	slow      time.Duration
	brokenTLS bool
	// In place of the endpoint, or of all routes of the ledger, where not nil.
	jwks, validate, credits, revocations http.HandlerFunc
	silent                               bool // the feed of revocations

	ended chan struct{} // closed when another mode replaces this one
}

func (i *Issuer) current() *mode {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.mode
}

func (i *Issuer) change(edit func(*mode)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	next := *i.mode
	edit(&next)
	close(i.mode.ended)
	next.ended = make(chan struct{})
	i.mode = &next
}

// Down answers every request with 503 until Up.
func (i *Issuer) Down() { i.change(func(m *mode) { m.down = true }) }

// Refuse closes the port until Up: connections are cut and new ones refused by
// the system. A client may find out that a connection is cut only when it
// sends its next request over it; net/http sends a GET again then, and a POST
// ends with EOF. Refuse must not be called by a handler of the issuer itself.
func (i *Issuer) Refuse() { i.net.refuse() }

// Hang answers nothing until Up: a request waits, and is answered then, or
// ends with its client.
func (i *Issuer) Hang() { i.change(func(m *mode) { m.hang = true }) }

// Slow answers every request d late, on the issuer's clock, until Up. Zero
// ends it.
func (i *Issuer) Slow(d time.Duration) { i.change(func(m *mode) { m.slow = d }) }

// FaultJWKS lets handler answer for the key set; nil ends that.
func (i *Issuer) FaultJWKS(handler http.HandlerFunc) {
	i.change(func(m *mode) { m.jwks = handler })
}

// FaultValidate lets handler answer for verdicts; nil ends that.
func (i *Issuer) FaultValidate(handler http.HandlerFunc) {
	i.change(func(m *mode) { m.validate = handler })
}

// FaultCredits lets handler answer for the credit ledger; nil ends that.
func (i *Issuer) FaultCredits(handler http.HandlerFunc) {
	i.change(func(m *mode) { m.credits = handler })
}

// FaultRevocations lets handler answer for the feed of revocations; nil ends
// that. Streams that are open stay as they are.
func (i *Issuer) FaultRevocations(handler http.HandlerFunc) {
	i.change(func(m *mode) { m.revocations = handler })
}

// SilenceRevocations leaves the feed's streams open and sends nothing on them
// until Up, as a network does that drops packets.
func (i *Issuer) SilenceRevocations() { i.change(func(m *mode) { m.silent = true }) }

// Up ends every outage and every fault, at the same URL. Keys, revocations and
// SetJWKS stay as they are.
func (i *Issuer) Up() { i.become(mode{}) }

// become replaces the whole mode at once, and opens the port if it is closed.
func (i *Issuer) become(next mode) {
	i.change(func(m *mode) { *m = next })
	if err := i.net.accept(); err != nil {
		i.fatalf("authtest: reopen the port: %v", err)
	}
}
