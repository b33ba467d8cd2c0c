package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/clock/clocktest"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// count counts what a Meter is told.
type count struct {
	lock    sync.Mutex
	limited []string
	faults  int
}

func (*count) Request(string, int)        {}
func (*count) Took(string, time.Duration) {}

func (c *count) RateLimited(limit string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.limited = append(c.limited, limit)
}

func (c *count) StoreError(string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.faults++
}

var errBusy = errors.New("queue is full")

func responder(log io.Writer) *Responder {
	return &Responder{Log: slog.New(slog.NewTextHandler(log, nil)), Clock: clocktest.New(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), Meter: &count{}, Busy: []error{errBusy}}
}

// serve serves routes as a server does.
func serve(t *testing.T, c Config) string {
	t.Helper()
	handler, err := Handler(c)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(handler)
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); front.Close() })
	return front.URL
}

func get(t *testing.T, url string) (status int, header http.Header, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(content)
}

func fine(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "fine")
	return err
}

func route(pattern string) Route {
	return Route{
		Pattern: pattern, Access: Anyone, Limit: Unlimited, Endpoint: Plain(fine),
		Answers: []Answer{{Status: http.StatusOK, Body: ""}},
	}
}

// TestA142Panic: a handler that panics is a 500, and the next request is
// answered on the same connection.
func TestA142Panic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	bad := route("GET /panic")
	bad.Endpoint = Plain(func(http.ResponseWriter, *http.Request) error { panic("secret reason") })
	url := serve(t, Config{Responder: responder(&log), Routes: []Route{bad, route("GET /fine")}})
	for path, want := range map[string]int{"/panic": 500, "/fine": 200} {
		for range 2 {
			status, _, body := get(t, url+path)
			if status != want || strings.Contains(body, "secret") {
				t.Errorf("%s: %d %s", path, status, body)
			}
			if want != 500 {
				continue
			}
			var envelope wire.Envelope
			if err := json.Unmarshal([]byte(body), &envelope); err != nil || envelope.Code != wire.Internal {
				t.Errorf("%v, %s", err, body)
			}
		}
	}
	if got := log.String(); strings.Contains(got, "secret reason") || !strings.Contains(got, "panic=string") || !strings.Contains(got, "status=500") {
		t.Errorf("log %s", got)
	}
}

func TestA171QueueFull(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"a full queue": errBusy, "any other fault": errors.New("disk on fire")} {
		w := httptest.NewRecorder()
		o := responder(io.Discard)
		o.RespondError(w, httptest.NewRequest("POST", wire.LoginPath, nil), err)
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s: %d, Retry-After %q: %s", name, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		if faults := o.Meter.(*count).faults; (faults == 1) != (name == "any other fault") {
			t.Errorf("%s: %d faults of the database counted", name, faults)
		}
	}
}

// A route that leaves something unsaid cannot be mounted.
func TestRoutesDeclareThemselves(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*Route){
		"its pattern":      func(r *Route) { r.Pattern = "" },
		"who may call it":  func(r *Route) { r.Access = Access{} },
		"its limit":        func(r *Route) { r.Limit = "" },
		"its endpoint":     func(r *Route) { r.Endpoint = Endpoint{} },
		"what it answers":  func(r *Route) { r.Answers = nil },
		"an unknown limit": func(r *Route) { r.Limit = "nobody's" },
	} {
		r := route("GET /fine")
		change(&r)
		_, err := Handler(Config{Responder: responder(io.Discard), Routes: []Route{r}})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without %s: %v", what, err)
		}
	}
}

// once admits one request.
type once struct{ taken bool }

func (o *once) Take(netip.Addr, time.Time) time.Duration {
	if o.taken {
		return 1500 * time.Millisecond
	}
	o.taken = true
	return 0
}

func (o *once) TakeOf(string, time.Time) time.Duration { return o.Take(netip.Addr{}, time.Time{}) }

func (o *once) GiveBack(netip.Addr, time.Time) { o.taken = false }

func (o *once) GiveBackOf(string, time.Time) { o.taken = false }

// O19: a request that an outage keeps from its answer costs no budget, be it that
// of an address, of a user or of an app. One that finds a queue full does.
func TestO19OutageCostsNothing(t *testing.T) {
	t.Parallel()
	user := func(context.Context) (string, Limit) { return "user", "" }
	app := func(context.Context) (string, Limit) { return "app", LimitService }
	busy, outage := errors.New("the queue is full"), errors.New("the database is away")
	for name, subject := range map[string]func(context.Context) (string, Limit){"address": nil, "user": user, "app": app} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails := outage
			r := route("GET /fine")
			r.Limit = LimitDefault
			r.Access = Access{Name: "somebody", Subject: subject, Admit: func(r *http.Request) (context.Context, error) { return r.Context(), nil }}
			r.Endpoint = Plain(func(http.ResponseWriter, *http.Request) error { return fails })
			o := responder(io.Discard)
			o.Busy = []error{busy}
			h, err := Handler(Config{Responder: o, Routes: []Route{r}, Limits: map[Limit]Limiter{LimitDefault: &once{}, LimitService: &once{}}})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(ctx context.Context, want int) {
				t.Helper()
				w, asked := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/fine", nil)
				asked.RemoteAddr = "192.0.2.1:1000"
				if h.ServeHTTP(w, asked); w.Code != want {
					t.Errorf("%v: %d, want %d", fails, w.Code, want)
				}
			}
			for range 300 {
				ask(t.Context(), 503)
			}
			fails = busy
			ask(t.Context(), 503)
			ask(t.Context(), 429)
		})
	}
}

// The limit comes before the question who calls, and after it where it is that
// of a user or an app: then a refusal counts against the address, and an outage
// against nobody.
func TestLimitAndAccess(t *testing.T) {
	t.Parallel()
	refused, outage := Fail(wire.Unauthorized, "who are you?"), errors.New("the database is away")
	user := func(context.Context) (string, Limit) { return "user", "" }
	app := func(context.Context) (string, Limit) { return "app", LimitService }
	for _, test := range []struct {
		name    string
		subject func(context.Context) (string, Limit)
		answer  error
		want    []int // of three requests
	}{
		{"a stranger who may call", nil, nil, []int{200, 429, 429}},
		{"a stranger who may not", nil, refused, []int{401, 429, 429}},
		{"V15 a user", user, nil, []int{200, 429, 429}},
		{"a user who may not call", user, refused, []int{401, 429, 429}},
		{"a service that may call", app, nil, []int{200, 200, 200}},
		{"a service that may not", app, refused, []int{401, 429, 429}},
		{"an outage", app, outage, []int{503, 503, 503}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := route("GET /fine")
			r.Limit = LimitDefault
			r.Access = Access{
				Name:    "somebody",
				Subject: test.subject,
				Admit:   func(r *http.Request) (context.Context, error) { return r.Context(), test.answer },
			}
			o := responder(io.Discard)
			url := serve(t, Config{Responder: o, Routes: []Route{r}, Limits: map[Limit]Limiter{LimitDefault: &once{}}})
			limited := 0
			for i, want := range test.want {
				status, header, body := get(t, url+"/fine")
				if status != want {
					t.Errorf("request %d: %d, want %d: %s", i, status, want, body)
				}
				if status != http.StatusTooManyRequests {
					continue
				}
				limited++
				if got := header.Get("Retry-After"); got != "2" {
					t.Errorf("Retry-After %q, want whole seconds, rounded up", got)
				}
			}
			if got := len(o.Meter.(*count).limited); got != limited {
				t.Errorf("%d counted, %d limited", got, limited)
			}
		})
	}
}
