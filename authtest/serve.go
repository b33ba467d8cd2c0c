package authtest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/internal/memledger"
	"github.com/manacore/manacore-go/internal/wire"
)

// maxBody is the largest request body that is read, in bytes (contract
// section 1: 100 KB).
const maxBody = 100 << 10

// ServeHTTP answers as the issuer's own server does, for a test that wants to
// stand between the two. It counts a request, holds it as long as an outage
// says, and answers it with the fault or with the truth.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := routePath(r)
	switch path {
	case wire.JWKSPath:
		i.jwksRequests.Add(1)
	case wire.ValidatePath:
		i.validateRequests.Add(1)
	case wire.RevocationsPath:
		i.feed.requests.Add(1)
	}
	if memledger.Serves(path) {
		i.creditRequests.Add(1)
	}
	m, answerable := i.hold(r)
	if !answerable {
		panic(http.ErrAbortHandler)
	}
	switch {
	case m.down:
		w.Header().Set("Retry-After", "1")
		i.deny(w, r, wire.ServiceUnavailable, "Service unavailable, retry later")
	case path == wire.JWKSPath && m.jwks != nil:
		m.jwks(w, r)
	case path == wire.ValidatePath && m.validate != nil:
		m.validate(w, r)
	case path == wire.RevocationsPath && m.revocations != nil:
		m.revocations(w, r)
	case memledger.Serves(path) && m.credits != nil:
		m.credits(w, r)
	default:
		i.answer(w, r)
	}
}

// answer is what a healthy issuer answers.
func (i *Issuer) answer(w http.ResponseWriter, r *http.Request) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch path := routePath(r); {
	case path == wire.JWKSPath && read:
		i.serveJWKS(w, r)
	case path == wire.ValidatePath && r.Method == http.MethodPost:
		i.serveValidate(w, r)
	case path == wire.RevocationsPath && r.Method == http.MethodGet && i.feed.on:
		i.serveRevocations(w, r)
	case memledger.Serves(path):
		secure(w.Header())
		i.ledger.ServeHTTP(w, r)
	default:
		i.deny(w, r, wire.NotFound, "Cannot "+r.Method+" "+r.URL.Path)
	}
}

// routePath is the path without the trailing slash that the contract allows, and
// without the other name of the key set.
func routePath(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if path == wire.JWKSAlias {
		return wire.JWKSPath
	}
	return path
}

// hold waits while the mode is to hang or to be slow. It returns the mode to
// answer in, or false where the client or the issuer has gone.
func (i *Issuer) hold(r *http.Request) (*mode, bool) {
	m := i.current()
	if !m.hang && m.slow <= 0 {
		return m, true
	}
	// net/http notices that a client has gone only once the body is read.
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	for m.hang || m.slow > 0 {
		var due chan struct{} // nil, and never ready, where it hangs
		stop := func() bool { return false }
		if !m.hang {
			due = make(chan struct{})
			stop = i.clock.AfterFunc(m.slow, func() { close(due) })
		}
		select {
		case <-due:
			return m, true
		case <-r.Context().Done():
			stop()
			return nil, false
		case <-m.ended:
			stop()
			m = i.current()
		}
	}
	return m, true
}

func (i *Issuer) deny(w http.ResponseWriter, r *http.Request, code wire.Code, message any) {
	envelope := wire.NewEnvelope(code, message, r.URL.Path, i.now()).In(i.generation)
	if seconds, err := strconv.Atoi(w.Header().Get("Retry-After")); err == nil {
		envelope.RetryAfter = seconds
	}
	i.write(w, code.Status(), envelope)
}

// write answers with a JSON body that no cache may keep.
func (i *Issuer) write(w http.ResponseWriter, status int, body any) {
	doc, err := json.Marshal(body)
	if err != nil {
		i.fatalf("authtest: answer: %v", err)
	}
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(doc)))
	w.WriteHeader(status)
	w.Write(doc)
}

// secure sets the headers that the contract has on every response (section 1).
func secure(h http.Header) {
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	h.Set("Content-Security-Policy", "default-src 'self'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
