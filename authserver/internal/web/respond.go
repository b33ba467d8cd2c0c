package web

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/internal/wire"
)

// Meter counts requests for an operator.
type Meter interface {
	// Request counts an answered request by the pattern of its route. status is
	// 0 for an answer that was broken off.
	Request(pattern string, status int)
	// Took measures how long a request took.
	Took(pattern string, took time.Duration)
	// RateLimited counts a request that a rate limit refused.
	RateLimited(limit string)
	// StoreError counts a request that could not be decided.
	StoreError(part string)
}

// partRequests names the requests as the part that StoreError counts for.
const partRequests = "requests"

// Responder is what every endpoint needs to answer.
type Responder struct {
	Log     *slog.Logger
	Clock   clock.Clock
	Trusted []netip.Prefix // proxies whose X-Forwarded-For counts
	Meter   Meter
	// Busy lists the errors that mean that a queue is full. They are answered
	// with 503, and not counted as faults of the database.
	Busy []error
	// Generation is whose names of codes the envelopes have. Empty means those
	// of 2025.
	Generation wire.Generation

	unreadAddr hint
}

var jsonType = []string{"application/json; charset=utf-8"}

// Now is the instant on the server's clock.
func (o *Responder) Now() time.Time { return o.Clock.Now() }

// Addr is the client's address. Where it is that of a proxy instead, because
// the proxy wrote what nobody can read, a warning says so once a minute: all its
// clients share one rate limit.
func (o *Responder) Addr(r *http.Request) netip.Addr {
	addr, unread := ClientAddr(r, o.Trusted)
	if unread != "" {
		o.unreadAddr.warn(r.Context(), o.Log, o.Now(),
			"a trusted proxy sends no X-Forwarded-For that can be read: its clients share one rate limit", "sent", unread)
	}
	return addr
}

// Respond writes a JSON answer. A connection that broke meanwhile is logged at
// debug level, because it is no fault of the server.
func (o *Responder) Respond(w http.ResponseWriter, r *http.Request, status int, body any) {
	doc, err := json.Marshal(body)
	if err != nil {
		o.Log.ErrorContext(r.Context(), "answer could not be encoded", "route", r.Pattern, "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	o.Send(w, r, status, doc)
}

// Send writes an answer that is JSON already.
func (o *Responder) Send(w http.ResponseWriter, r *http.Request, status int, doc []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	if _, err := w.Write(doc); err != nil {
		o.Log.DebugContext(r.Context(), "answer could not be sent", "route", r.Pattern, "error", err)
	}
}

// Envelope is the error envelope of a code for this request.
func (o *Responder) Envelope(r *http.Request, code wire.Code, message any) wire.Envelope {
	return wire.NewEnvelope(code, message, r.URL.EscapedPath(), o.Now()).In(o.Generation)
}

// RespondError writes the envelope of err.
func (o *Responder) RespondError(w http.ResponseWriter, r *http.Request, err error) {
	f := o.failure(r, err)
	header := w.Header()
	envelope := o.Envelope(r, f.Code, f.Message)
	if f.RetryAfter > 0 {
		envelope.RetryAfter = int(math.Ceil(f.RetryAfter.Seconds()))
		header.Set("Retry-After", strconv.Itoa(envelope.RetryAfter))
	}
	if f.Code.Status() == http.StatusUnauthorized {
		// Every 401 has a challenge (RFC 9110 section 15.5.2), without an error
		// code where the request had no credentials (RFC 6750 section 3.1).
		challenge := "Bearer"
		if f.Code == wire.InvalidToken || f.Code == wire.TokenExpired {
			challenge = `Bearer error="invalid_token"`
		}
		header.Set("WWW-Authenticate", challenge)
	}
	o.Respond(w, r, f.Code.Status(), envelope)
}

// failure turns err into what the caller may know, and logs what only the
// operator may know.
func (o *Responder) failure(r *http.Request, err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if o.busy(err) {
		o.Log.WarnContext(r.Context(), "request found a queue full", "path", r.URL.EscapedPath(), "error", err)
		return unavailable()
	}
	if o.outage(r, err) {
		o.Log.ErrorContext(r.Context(), "request could not be decided", "path", r.URL.EscapedPath(), "error", err)
		o.Meter.StoreError(partRequests)
	}
	return unavailable()
}

// busy reports whether err means that a queue is full.
func (o *Responder) busy(err error) bool {
	return slices.ContainsFunc(o.Busy, func(busy error) bool { return errors.Is(err, busy) })
}

// outage reports whether a request failed through a fault of the server or of
// what it depends on. A caller that hung up has cancelled the work on its request,
// which is no such fault, and a full queue is one of those who fill it.
func (o *Responder) outage(r *http.Request, err error) bool {
	_, answer := errors.AsType[*Failure](err)
	return err != nil && !answer && !o.busy(err) && r.Context().Err() == nil
}

// Nullable is a text that the wire shows as null where it is empty, because it
// is unknown.
func Nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
