package authserver

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/groupcommit"
	"github.com/manacore/manacore-go/authserver/internal/password"
	"github.com/manacore/manacore-go/internal/wire"
)

// endpoint answers a request, or returns why not.
type endpoint func(w http.ResponseWriter, r *http.Request) error

var jsonType = []string{"application/json; charset=utf-8"}

// responder is what every endpoint needs to answer.
type responder struct {
	log     *slog.Logger
	clock   Clock
	trusted []netip.Prefix
	metrics *metrics
}

func (o responder) now() time.Time { return o.clock.Now() }

// addr is the client's address.
func (o responder) addr(r *http.Request) netip.Addr { return clientAddr(r, o.trusted) }

// answer turns an endpoint into a handler.
func (o responder) answer(serve endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			o.respondError(w, r, err)
		}
	})
}

// respond writes a JSON answer. A connection that broke meanwhile is the
// caller's loss and tells the server nothing.
func (o responder) respond(w http.ResponseWriter, r *http.Request, status int, body any) {
	doc, err := json.Marshal(body)
	if err != nil {
		o.log.ErrorContext(r.Context(), "answer could not be encoded", "route", r.Pattern, "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	o.send(w, r, status, doc)
}

// send writes an answer that is JSON already.
func (o responder) send(w http.ResponseWriter, r *http.Request, status int, doc []byte) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	if _, err := w.Write(doc); err != nil {
		o.log.DebugContext(r.Context(), "answer could not be sent", "route", r.Pattern, "error", err)
	}
}

// respondError writes the envelope of err.
func (o responder) respondError(w http.ResponseWriter, r *http.Request, err error) {
	var f *failure
	switch {
	case errors.As(err, &f):
	case errors.Is(err, password.ErrBusy), errors.Is(err, groupcommit.ErrBusy):
		o.log.WarnContext(r.Context(), "request found a queue full", "path", r.URL.EscapedPath(), "error", err)
		f = unavailable()
	default:
		// A caller that hung up cancels what was done for it: not a fault of
		// the server.
		if r.Context().Err() == nil {
			o.log.ErrorContext(r.Context(), "request could not be decided", "path", r.URL.EscapedPath(), "error", err)
			o.metrics.storeError(partRequests)
		}
		f = unavailable()
	}
	header := w.Header()
	if f.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retryAfter.Seconds()))))
	}
	if f.code.Status() == http.StatusUnauthorized {
		// RFC 9110 section 15.5.2; without credentials no error code: RFC 6750
		// section 3.1.
		challenge := "Bearer"
		if f.code == wire.InvalidToken || f.code == wire.TokenExpired {
			challenge = `Bearer error="invalid_token"`
		}
		header.Set("WWW-Authenticate", challenge)
	}
	o.respond(w, r, f.code.Status(), wire.NewEnvelope(f.code, f.message, r.URL.EscapedPath(), o.now()))
}
