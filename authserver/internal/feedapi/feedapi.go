// Package feedapi has the route of the revocation feed: a stream of server-sent
// events, or one document for a caller that polls.
package feedapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/clock"
	"github.com/manacore/manacore-go/authserver/internal/feed"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

const (
	// writeWithin bounds the writes of a stream: a caller that does not read is cut
	// off within it, and not before half of it. Between the two the deadline is
	// left as it is, because moving it costs as much as a small write.
	writeWithin = 10 * time.Second
	// streamFor is how long a stream lasts, less a random part of up to a fifth. A
	// caller judges by its own clock how far the feed lags, and begins anew with
	// each connection, so that a clock that is a little slow never looks like a
	// lag.
	streamFor = 15 * time.Minute
	// full is when a caller may ask again who found no place, and soon when one
	// may who came at the wrong moment, or to the wrong server.
	full = 5 * time.Second
	soon = time.Second
)

// Config configures an API. All of it is required, but Heavy and Trusted.
type Config struct {
	Out    *web.Responder
	Hub    *feed.Hub
	Places *feed.Places
	Clock  clock.Clock
	// Keys checks service keys.
	Keys *servicekey.Checker
	// Heavy counts how often strangers begin the feed without a cursor of this
	// server, because each of them is told of every session. Nil means no limit.
	Heavy web.Limiter
	// KeyRequired refuses callers without a service key that are not in one of
	// the Trusted networks.
	KeyRequired bool
	// Trusted are networks whose callers are known without a key.
	Trusted []netip.Prefix
}

// API has the route.
type API struct{ Config }

// New makes an API.
func New(c Config) *API { return &API{c} }

// Routes are all routes of the package.
func (a *API) Routes() []web.Route {
	return []web.Route{{
		Pattern: "GET " + wire.RevocationsPath,
		Access: web.Access{
			Name: "anyone or service", Admit: a.admit,
			Errors: []wire.Code{wire.Unauthorized},
		},
		Limit:    web.Unlimited, // Places bounds the streams
		Heavy:    web.LimitHeavy,
		Endpoint: web.Plain(a.revocations),
		Answers:  []web.Answer{{Status: http.StatusOK, Body: wire.Revocations{}}},
		Errors:   []wire.Code{wire.ServiceUnavailable},
		Streams:  true,
	}}
}

type knownKey struct{}

// admit tells callers who are known from strangers.
func (a *API) admit(r *http.Request) (context.Context, error) {
	known := a.trusted(a.Out.Addr(r))
	if key := r.Header.Get(wire.ServiceKeyHeader); key != "" {
		switch err := a.Keys.Live(r.Context(), key); {
		case errors.Is(err, servicekey.ErrUnknown):
			return nil, web.Fail(wire.Unauthorized, "Invalid service key")
		case err != nil:
			return nil, err
		}
		known = true
	}
	if a.KeyRequired && !known {
		return nil, web.Fail(wire.Unauthorized, "No service key provided")
	}
	return context.WithValue(r.Context(), knownKey{}, known), nil
}

func (a *API) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(a.Trusted, func(network netip.Prefix) bool { return network.Contains(address.Unmap()) })
}

// retryLater is the answer where the feed cannot be had now.
func retryLater(why string, after time.Duration) error {
	return &web.Failure{Code: wire.ServiceUnavailable, Message: why + ", retry later", RetryAfter: after}
}

func (a *API) revocations(w http.ResponseWriter, r *http.Request) error {
	select {
	case <-a.Hub.Closing():
		return retryLater("This server is about to end", soon)
	default:
	}
	known, _ := r.Context().Value(knownKey{}).(bool)
	place, err := a.Places.Take(a.Out.Addr(r), known)
	if err != nil {
		return retryLater("Every place of the feed is taken", full)
	}
	defer a.Places.Leave(place)
	now := a.Out.Now()
	first, ok := a.Hub.Begin(now, r.Header.Get(wire.LastEventID))
	if !ok {
		return retryLater("Not every session that ended is known", soon)
	}
	// A caller that resumes is told little.
	if !known && !first.Resumed && a.Heavy != nil {
		if wait := a.Heavy.Take(a.Out.Addr(r), now); wait > 0 {
			a.Out.Meter.RateLimited(string(web.LimitHeavy))
			return retryLater("The feed was begun too often from this address", wait)
		}
	}
	if !wantsStream(r) {
		a.Out.Respond(w, r, http.StatusOK, whole(first.Events()))
		return nil
	}
	header := w.Header()
	header.Set("Content-Type", wire.EventStream)
	header.Set("X-Accel-Buffering", "no") // nginx holds answers back otherwise
	s := &stream{api: a, out: http.NewResponseController(w), w: w}
	if s.open() && s.send(first.Texts()) {
		s.follow(r.Context(), place, first.Then)
	}
	_ = s.out.SetWriteDeadline(time.Time{}) // the connection may serve other requests
	return nil
}

// wantsStream reports whether Accept names the media type of streams.
func wantsStream(r *http.Request) bool {
	for accepted := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if media, _, err := mime.ParseMediaType(accepted); err == nil && media == wire.EventStream {
			return true
		}
	}
	return false
}

// whole is a beginning as one document.
func whole(events []wire.Revocations) wire.Revocations {
	document := events[len(events)-1]
	document.Snapshot = events[0].Snapshot
	for _, event := range events[:len(events)-1] {
		document.Sessions = append(document.Sessions, event.Sessions...)
	}
	return document
}

// stream is one caller's.
type stream struct {
	api *API
	out *http.ResponseController
	w   http.ResponseWriter

	deadline time.Time // of the writes, by the system's clock, as net counts
}

// open begins the answer. It takes the server's limit on the time of a request
// away, since a stream has one for each write.
func (s *stream) open() bool {
	if s.out.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	s.w.WriteHeader(http.StatusOK)
	return true
}

func (s *stream) send(texts [][]byte) bool {
	for _, text := range texts {
		if !s.write(text) {
			return false
		}
	}
	return s.out.Flush() == nil
}

func (s *stream) write(text []byte) bool {
	if now := time.Now(); s.deadline.Sub(now) < writeWithin/2 {
		s.deadline = now.Add(writeWithin)
		if s.out.SetWriteDeadline(s.deadline) != nil {
			return false
		}
	}
	_, err := s.w.Write(text)
	return err == nil
}

// follow sends each event until the caller leaves, the server ends or the stream
// has lasted long enough.
func (s *stream) follow(ctx context.Context, place *feed.Place, at *feed.Event) {
	over := make(chan struct{})
	stop := s.api.Clock.AfterFunc(streamFor-rand.N(streamFor/5), func() { close(over) })
	defer stop()
	for {
		select {
		case <-at.More():
		case <-over:
			return
		case <-place.Gone():
			return
		case <-s.api.Hub.Closing():
			return
		case <-ctx.Done():
			return
		}
		at = at.Next()
		if !s.write(at.Text) || s.out.Flush() != nil {
			return
		}
	}
}
