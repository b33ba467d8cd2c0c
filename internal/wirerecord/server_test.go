package wirerecord

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

const serviceKey = "service-key-of-the-record-32-long"

// begin is the instant at which every scene begins.
var begin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// place is the database of a scene: a PostgreSQL URL or else a SQLite file.
type place struct{ url, path string }

// setup is what scenes configure differently.
type setup struct {
	issuer  string // empty: the default
	limited bool   // whether the rate limits are on
}

// config is the one place that knows the fields of authserver.Config.
func config(p place, s setup, clock *clock, random io.Reader) authserver.Config {
	return authserver.Config{
		Database: authserver.Database{URL: p.url, SQLitePath: p.path},
		Keys:     authserver.Keys{EncryptionKey: bytes.Repeat([]byte{7}, 32)},
		Tokens:   authserver.Tokens{Issuer: s.issuer},
		HTTP: authserver.HTTP{
			CORSOrigins:        []string{"https://app.example.com"},
			TrustedProxies:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			RateLimitsDisabled: !s.limited,
		},
		Credits: authserver.Credits{ServiceKey: serviceKey, ServiceKeyOperations: authserver.ServiceOperations()},
		Clock:   clock,
		Random:  random,
		Logger:  slog.New(slog.DiscardHandler),
	}
}

// stage is a server on a socket, its clock and what can be done to it.
type stage struct {
	*testing.T
	place   place
	setup   setup
	clock   *clock
	random  *randomness
	server  *authserver.Server
	front   *httptest.Server
	client  *http.Client
	handler atomic.Pointer[http.Handler]
	kept    map[string]any // answers by the names of their steps
}

func newStage(t *testing.T, p place, s setup) *stage {
	t.Helper()
	st := &stage{T: t, place: p, setup: s, clock: &clock{timers: map[*timer]bool{}}, random: &randomness{}, kept: map[string]any{}}
	st.open()
	st.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*st.handler.Load()).ServeHTTP(w, r) }))
	transport := &http.Transport{DisableCompression: true}
	st.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		st.front.Close()
		st.close()
	})
	return st
}

func (s *stage) open() {
	s.Helper()
	server, err := authserver.Open(s.Context(), config(s.place, s.setup, s.clock, s.random))
	if err != nil {
		s.Fatal(err)
	}
	handler := server.Handler()
	s.server = server
	s.handler.Store(&handler)
}

func (s *stage) close() {
	s.Helper()
	if s.server == nil {
		return
	}
	if err := s.server.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	s.server = nil
}

// admin does something to the database as an operator.
func (s *stage) admin(do func(*authserver.Admin) error) {
	s.Helper()
	admin, err := authserver.OpenAdmin(s.Context(), config(s.place, s.setup, s.clock, s.random))
	if err != nil {
		s.Fatal(err)
	}
	defer func() {
		if err := admin.Close(); err != nil {
			s.Error(err)
		}
	}()
	if err := do(admin); err != nil {
		s.Fatal(err)
	}
}

// randomness is crypto/rand until a scene breaks it.
type randomness struct{ panics atomic.Bool }

func (r *randomness) Read(p []byte) (int, error) {
	if r.panics.Load() {
		panic("the source of randomness is gone")
	}
	return rand.Read(p)
}

// clock is an authserver.Clock that goes when it is told to.
type clock struct {
	lock    sync.Mutex
	elapsed time.Duration
	timers  map[*timer]bool
}

type timer struct {
	due time.Duration
	f   func()
}

func (c *clock) Now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return begin.Add(c.elapsed)
}

func (c *clock) AfterFunc(d time.Duration, f func()) func() bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	t := &timer{c.elapsed + d, f}
	c.timers[t] = true
	return func() bool {
		c.lock.Lock()
		defer c.lock.Unlock()
		waits := c.timers[t]
		delete(c.timers, t)
		return waits
	}
}

// jump moves on and calls nothing, as where a process was suspended.
func (c *clock) jump(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.elapsed += d
}

// advance moves on, and returns when every function that came due was called.
func (c *clock) advance(d time.Duration) {
	c.lock.Lock()
	c.elapsed += d
	var due []func()
	for t := range c.timers {
		if t.due <= c.elapsed {
			delete(c.timers, t)
			due = append(due, t.f)
		}
	}
	c.lock.Unlock()
	var all sync.WaitGroup
	for _, f := range due {
		all.Go(f)
	}
	all.Wait()
}
