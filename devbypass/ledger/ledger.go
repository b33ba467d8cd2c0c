// Package ledger has a credit ledger that stands in for the real one on a
// developer's machine, in the memory of the process:
//
//	client, err := ledger.FromEnv(ledger.New(100)) // every user begins with 100 credits
//	...
//	mux.Handle("POST /images", chargehttp.Charge(client, "image_generation", 10)(handler))
//
// It acts only where the bypass of package devbypass is on, by the same rule,
// and no service key is set. With a service key the ledger is the real one, and
// DEV_BYPASS_AUTH=true outside of development is an error. A warning at the
// start says that credits are not real.
//
// The client is the one of package credits: what works with the stand-in works
// with a ledger. The stand-in forgets everything with the process.
package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/devbypass"
	"github.com/manacore/manacore-go/internal/memledger"
)

// Ledger is the stand-in. It is safe for concurrent use.
type Ledger struct{ ledger *memledger.Ledger }

// New makes a Ledger in which every user begins with that many free credits.
func New(free int64) *Ledger {
	return &Ledger{memledger.New(memledger.Config{Free: free})}
}

// Grant gives a user paid credits.
func (l *Ledger) Grant(userID string, amount int64) { l.ledger.Grant(userID, amount) }

// FromEnv is Client with the configuration of the environment: the variables of
// credits.FromEnv, NODE_ENV and DEV_BYPASS_AUTH. Its errors are Client's and those
// of credits.ConfigFromEnv and devbypass.ConfigFromEnv.
func FromEnv(standIn *Ledger) (*credits.Client, error) {
	config, wrong := credits.ConfigFromEnv()
	bypass, wrongToo := devbypass.ConfigFromEnv()
	_, refused := bypass.On()
	if err := errors.Join(refused, wrong, wrongToo); err != nil {
		return nil, err
	}
	return Client(standIn, config, bypass)
}

// Client makes a client of standIn where the bypass is on and config has no
// ServiceKey, and one of the ledger that config names everywhere else. Errors:
// those of devbypass.Config.On and of credits.New.
func Client(standIn *Ledger, config credits.Config, bypass devbypass.Config) (*credits.Client, error) {
	on, err := bypass.On()
	if err != nil {
		return nil, err
	}
	if !on || config.ServiceKey != "" {
		return credits.New(config)
	}
	config.URL, config.Prefix = "", ""
	config.AppID = cmp.Or(config.AppID, "dev")
	config.ServiceKey = "dev"
	config.HTTPClient = &http.Client{Transport: standIn}
	cmp.Or(config.Logger, slog.Default()).Warn(
		"CREDITS ARE NOT REAL: a ledger in this process stands in, and no user is charged; never run this where others reach it",
		slog.String("appId", config.AppID))
	return credits.New(config)
}

// RoundTrip answers a request in the process. It is there for http.Client.
func (l *Ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	l.ledger.ServeHTTP(w, r)
	_ = r.Body.Close()
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }
