package creditsapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/identity"
	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/authserver/internal/servicekey"
	"github.com/manacore/manacore-go/authserver/internal/store"
	"github.com/manacore/manacore-go/authserver/internal/web"
	"github.com/manacore/manacore-go/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// books is a ledger's store in memory, for the users ann and bob.
type books struct {
	ledger.Store
	lock         sync.Mutex
	accounts     map[string]ledger.Account
	transactions []ledger.Transaction
	reservations map[string]ledger.Reservation
	usages       []ledger.DayUsage
}

func (b *books) Execute(_ context.Context, _ ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	loaded := ledger.Loaded{Active: []string{"ann", "bob"}, Transactions: slices.Clone(b.transactions), Refunded: map[string]int64{}}
	for _, a := range b.accounts {
		loaded.Accounts = append(loaded.Accounts, a)
	}
	for _, r := range b.reservations {
		loaded.Reservations = append(loaded.Reservations, r)
	}
	for _, t := range b.transactions {
		if t.RefundOf != "" {
			loaded.Refunded[t.RefundOf] += t.Amount
		}
	}
	c := decide(loaded)
	for _, a := range append(c.NewAccounts, c.Accounts...) {
		b.accounts[a.UserID] = a
	}
	for _, r := range append(c.NewReservations, c.Settled...) {
		b.reservations[r.ID] = r
	}
	b.transactions = append(b.transactions, c.Transactions...)
	b.usages = append(b.usages, c.Usages...)
	return nil
}

func (b *books) Account(_ context.Context, userID string, _ time.Time) (ledger.Account, bool, bool, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	a, found := b.accounts[userID]
	return a, found, false, nil
}

func (b *books) Transactions(_ context.Context, q ledger.HistoryQuery, limit int) (list []ledger.Transaction, err error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, t := range slices.Backward(b.transactions) {
		if t.UserID == q.UserID && t.Entry <= q.Last && (q.AppID == "" || t.AppID == q.AppID) && len(list) < limit {
			list = append(list, t)
		}
	}
	return list, nil
}

func (b *books) DayUsages(_ context.Context, q ledger.UsageQuery, limit int) (list []ledger.DayUsage, err error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, u := range b.usages {
		if u.UserID == q.UserID && (q.AppID == "" || u.AppID == q.AppID) && u.Day >= q.First && u.Day <= q.Last && len(list) < limit {
			list = append(list, u)
		}
	}
	return list, nil
}

// counter counts what it is asked for and admits it, up to a number.
type counter struct{ asked, most atomic.Int64 }

func (c *counter) Take(netip.Addr, time.Time) time.Duration {
	if c.asked.Add(1) > c.most.Load() {
		return time.Second
	}
	return 0
}

func (c *counter) TakeOf(string, time.Time) time.Duration { return c.Take(netip.Addr{}, time.Time{}) }

func (c *counter) GiveBack(netip.Addr, time.Time) { c.asked.Add(-1) }

func (c *counter) GiveBackOf(string, time.Time) { c.asked.Add(-1) }

type noMeter struct{}

func (noMeter) Request(string, int)        {}
func (noMeter) Took(string, time.Duration) {}
func (noMeter) RateLimited(string)         {}
func (noMeter) StoreError(string)          {}

// stopped is a clock that a test sets.
type stopped struct{ now time.Time }

func (c *stopped) Now() time.Time { return c.now }

func (c *stopped) AfterFunc(time.Duration, func()) func() bool { panic("no route waits") }

// harness is the routes over a ledger in memory.
type harness struct {
	*testing.T
	books   *books
	clock   *stopped
	limit   *counter
	api     *API
	keysErr error // of the list of service keys
	handler http.Handler
}

func open(t *testing.T) *harness {
	t.Helper()
	h := &harness{
		T: t, clock: &stopped{begin}, limit: &counter{},
		books: &books{accounts: map[string]ledger.Account{}, reservations: map[string]ledger.Reservation{}},
	}
	h.limit.most.Store(1 << 40)
	log := slog.New(slog.DiscardHandler)
	books := ledger.New(ledger.Config{
		Store: h.books, Policy: ledger.Policy{SignupBonus: 150, Daily: 5, DailyCap: 300}, Now: h.clock.Now, Random: rand.Reader, Log: log,
	})
	t.Cleanup(books.Close)
	out := &web.Responder{Log: log, Clock: h.clock, Meter: noMeter{}}
	keys := []store.ServiceKey{{AppID: "chat", Hash: sha256.Sum256([]byte("brief")), Operations: []string{servicekey.Balance}}}
	h.api = New(Config{
		Out: out, Ledger: books, DailyFree: 5,
		// A token is the name of its user.
		Users: web.Access{Name: "user", Errors: []wire.Code{wire.InvalidToken}, Admit: func(r *http.Request) (context.Context, error) {
			token, err := web.Bearer(r)
			if err != nil || token == "" {
				return nil, errors.Join(err, web.Fail(wire.InvalidToken, "Invalid token"))
			}
			return identity.WithCaller(r.Context(), identity.Caller{User: store.User{ID: token}}), nil
		}, Subject: func(ctx context.Context) (string, web.Limit) { return identity.CallerFrom(ctx).User.ID, "" }},
		Keys: servicekey.NewChecker(servicekey.CheckerConfig{
			Now: h.clock.Now, Single: "single", SingleOperations: servicekey.Operations(),
			Known: func(context.Context) ([]store.ServiceKey, error) { return keys, h.keysErr },
		}),
	})
	var err error
	h.handler, err = web.Handler(web.Config{
		Responder: out, Routes: h.api.Routes(), Limits: map[web.Limit]web.Limiter{web.LimitDefault: h.limit},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The headers of callers.
var (
	asAnn     = []string{"Authorization", "Bearer ann"}
	asChat    = []string{wire.ServiceKeyHeader, "single", wire.AppIDHeader, "chat"}
	asPicture = []string{wire.ServiceKeyHeader, "single", wire.AppIDHeader, "picture"}
	asBrief   = []string{wire.ServiceKeyHeader, "brief", wire.AppIDHeader, "chat"}
)

// ask sends a request and checks that its route declares what it is answered
// with.
func (h *harness) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequestWithContext(h.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	h.declared(r, w)
	return w
}

// declared checks an answer against what its route says of itself.
func (h *harness) declared(r *http.Request, w *httptest.ResponseRecorder) {
	h.Helper()
	mux := http.NewServeMux()
	routes := map[string]web.Route{}
	for _, route := range h.api.Routes() {
		mux.Handle(route.Pattern, http.NotFoundHandler())
		routes[route.Pattern] = route
	}
	_, pattern := mux.Handler(r)
	route, known := routes[pattern]
	if !known {
		h.Fatalf("%s %s has no route", r.Method, r.URL)
	}
	if w.Code < 300 {
		if !slices.ContainsFunc(route.Answers, func(a web.Answer) bool { return a.Status == w.Code }) {
			h.Errorf("%s answers %d, which it does not declare", pattern, w.Code)
		}
		return
	}
	code := h.envelope(w).Error
	declared := append(slices.Clone(route.Access.Errors), route.Errors...)
	if route.Endpoint.Fields != nil { // see web.Route.Errors
		declared = append(declared, wire.InvalidRequest, wire.ValidationFailed, wire.PayloadTooLarge)
	}
	declared = append(declared, wire.RateLimited, wire.ServiceUnavailable)
	if !slices.Contains(declared, code) {
		h.Errorf("%s answers %s, which it does not declare", pattern, code)
	}
}

// envelope decodes the answer to a request that failed.
func (h *harness) envelope(w *httptest.ResponseRecorder) (e wire.Envelope) {
	h.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		h.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return e
}

// decode decodes a good answer.
func decode[T any](h *harness, w *httptest.ResponseRecorder) (v T) {
	h.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code >= 300 {
		h.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return v
}
