package credits

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"

	"github.com/manacore/manacore-go/internal/memledger"
)

// Stub is a ledger in the memory of this process, for a developer's machine:
// see Config.Dev. It forgets everything with the process.
type Stub struct{ ledger *memledger.Ledger }

// NewStub makes a ledger in which every user begins with that many free
// credits.
func NewStub(free int64) *Stub {
	return &Stub{memledger.New(memledger.Config{Free: free})}
}

// Grant gives a user paid credits.
func (s *Stub) Grant(userID string, amount int64) { s.ledger.Grant(userID, amount) }

// standsIn tells whether the stub is to take the ledger's place.
func (c Config) standsIn() bool {
	return bypassCompiledIn && c.Dev != nil && (c.AppID == "" || c.ServiceKey == "") &&
		c.NodeEnv == "development" && c.DevBypassAuth == "true"
}

// newStubClient makes a client whose calls end in the stub: all else is as it
// is with a ledger.
func newStubClient(config Config) (*Client, error) {
	stub := config.Dev
	config.URL, config.Prefix = "", ""
	if config.AppID == "" {
		config.AppID = "dev"
	}
	config.ServiceKey = "dev"
	config.HTTPClient = &http.Client{Transport: stub}
	log := config.Logger
	if log == nil {
		log = slog.Default()
	}
	log.Warn("CREDITS ARE NOT REAL: a stub in this process stands in for the ledger, and no user is charged; never run this where others reach it",
		slog.String("appId", config.AppID))
	return newClient(config)
}

// RoundTrip answers a request in the process. It is there for http.Client.
func (s *Stub) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body == nil {
		r = r.Clone(r.Context())
		r.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	s.ledger.ServeHTTP(w, r)
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
