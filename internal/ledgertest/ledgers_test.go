// Package ledgertest runs one sequence of operations on the auth server's ledger
// and on authtest's, through the client, and tries client and guard on a fake of
// the credits service of 2026. It is a package of its own because it needs the
// whole server, which must not get into the modules of those who import the
// client.
package ledgertest

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/charge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// place is a ledger in which ada has 150 free credits.
type place struct {
	ledger *credits.Client
	url    string
	http   *http.Client
	userID string
	clock  *authtest.Clock
}

// The same sequence has the same results with the auth server's ledger and with
// authtest's, and so what a test sees of the one it would see of the other.
func TestLedgersAgree(t *testing.T) {
	t.Parallel()
	got := map[string]string{"authtest": results(t, fakePlace(t)), "authserver": results(t, realPlace(t))}
	if diff := cmp.Diff(strings.Split(got["authserver"], "\n"), strings.Split(got["authtest"], "\n")); diff != "" {
		t.Errorf("(-authserver +authtest):\n%s", diff)
	}
	for _, want := range []string{"commit again: same true", "replay: 409", "retry after a failure: 200", "while another holds: 409", "after it expired: 200"} {
		if !strings.Contains(got["authserver"], want) {
			t.Errorf("the results lack %q:\n%s", want, got["authserver"])
		}
	}
}

func fakePlace(t *testing.T) place {
	t.Helper()
	return placeOf(t)
}

func placeOf(t *testing.T, opts ...authtest.Option) place {
	t.Helper()
	clock := authtest.NewClock(epoch)
	issuer := authtest.NewIssuer(t, append(opts, authtest.WithClock(clock))...)
	return place{
		ledger: newClient(t, issuer.URL(), issuer.HTTPClient()), url: issuer.URL(), http: issuer.HTTPClient(),
		userID: "ada", clock: clock,
	}
}

func newClient(t *testing.T, url string, http *http.Client) *credits.Client {
	t.Helper()
	ledger, err := credits.New(credits.Config{
		URL: url, AppID: "chat", ServiceKey: authtest.ServiceKey, HTTPClient: http,
		Timeout: time.Minute, Attempt: time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	return ledger
}

// realPlace opens an auth server on an embedded database, and registers ada.
func realPlace(t *testing.T) place {
	t.Helper()
	clock := authtest.NewClock(epoch)
	server := start(t, filepath.Join(t.TempDir(), "manacore.db"), clock)
	return place{
		ledger: newClient(t, server.URL, server.Client()), url: server.URL, http: server.Client(),
		userID: register(t, server), clock: clock,
	}
}

// running is an auth server behind a socket.
type running struct {
	*httptest.Server
	auth *authserver.Server
}

func start(t *testing.T, path string, clock *authtest.Clock) *running {
	t.Helper()
	auth, err := authserver.Open(t.Context(), authserver.Config{
		Database: authserver.Database{SQLitePath: path}, Credits: authserver.Credits{ServiceKey: authtest.ServiceKey, ServiceKeyOperations: authserver.ServiceOperations()},
		HTTP: authserver.HTTP{RateLimitsDisabled: true}, Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &running{httptest.NewServer(auth.Handler()), auth}
	t.Cleanup(server.end)
	return server
}

// end may be called twice.
func (s *running) end() {
	s.CloseClientConnections()
	s.Close()
	_ = s.auth.Close()
}

func register(t *testing.T, server *running) (userID string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": "ada@example.com", "password": "correct horse", "name": "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Post(server.URL+wire.RegisterPath, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var registered wire.RegisterResponse
	if err := json.UnmarshalRead(response.Body, &registered); err != nil || registered.User.ID == "" {
		t.Fatalf("register: %d, %v", response.StatusCode, err)
	}
	return registered.User.ID
}

// The auth server goes while a handler runs, and comes back on the same
// database: nothing is charged, and what was reserved returns by expiry. A
// request with the key of that one is not taken for its replay then.
func TestServerGoesBetweenReserveAndCommit(t *testing.T) {
	t.Parallel()
	clock := authtest.NewClock(epoch)
	database := filepath.Join(t.TempDir(), "manacore.db")
	first := start(t, database, clock)
	user := client.User{ID: register(t, first)}
	outcomes := make(chan charge.Outcome, 1)
	run := func(url string, handler func()) int {
		guard := charge.New(newClient(t, url, nil), "op", charge.Fixed(10), charge.Config{
			Logger: slog.New(slog.DiscardHandler), OnCharge: func(i charge.Info) { outcomes <- i.Outcome },
		})
		r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
		r.Header.Set(charge.KeyHeader, "k")
		charged, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), user)))
		if denial != nil {
			return denial.Status
		}
		w := httptest.NewRecorder()
		_ = charged.Run(w, func(w http.ResponseWriter, _ *http.Request) error { handler(); w.WriteHeader(200); return nil })
		return w.Code
	}
	if status, outcome := run(first.URL, first.end), <-outcomes; status != 200 || outcome != charge.Unsettled {
		t.Errorf("status %d, %s; want 200, unsettled", status, outcome)
	}

	second := start(t, database, clock)
	has := func(want int64) {
		t.Helper()
		b, err := newClient(t, second.URL, nil).Balance(t.Context(), user.ID)
		if err != nil || b.Available() != want {
			t.Errorf("%d available, %v; want %d", b.Available(), err, want)
		}
	}
	has(140)
	if status, outcome := run(second.URL, func() {}), <-outcomes; status != 409 || outcome != charge.Refused {
		t.Errorf("status %d, %s while it is reserved; want 409", status, outcome)
	}
	clock.Advance(15 * time.Minute)
	has(150)
	if status, outcome := run(second.URL, func() {}), <-outcomes; status != 200 || outcome != charge.Committed {
		t.Errorf("status %d, %s after it expired; want 200, committed", status, outcome)
	}
	has(140)
}

// results does everything once, and most of it twice, and returns what came of
// it, a line each.
func results(t *testing.T, p place) string {
	t.Helper()
	var record strings.Builder
	add := func(what string, result any, err error) {
		fmt.Fprintf(&record, "%s: %+v %s\n", what, result, kindOf(err))
		if short, ok := errors.AsType[*credits.InsufficientError](err); ok {
			fmt.Fprintf(&record, "  %+v\n", *short)
		}
		b, err := p.ledger.Balance(t.Context(), p.userID)
		fmt.Fprintf(&record, "  %d paid, %d free, %d earned, %d spent %v\n", b.Paid, b.Free, b.Earned, b.Spent, err)
	}
	receipt := func(what string, r credits.Receipt, err error) string {
		add(what, fmt.Sprint(r.Paid, r.Free, r.Replayed), err)
		return r.TransactionID
	}
	reserve := func(what string, h credits.ReserveParams) credits.Reservation {
		h.UserID = p.userID
		v, err := p.ledger.Reserve(t.Context(), h)
		state := "held"
		if err != nil {
			state = "refused"
		}
		add(what, fmt.Sprint(state, v.Available, v.ExpiresAt), err)
		return v
	}
	commit := func(what string, s credits.CommitParams) string {
		id, err := p.ledger.Commit(t.Context(), s)
		add(what, id != "", err)
		return id
	}
	release := func(what, id string) { add(what, "", p.ledger.Release(t.Context(), id)) }
	spend := func(what string, s credits.ConsumeParams) string {
		s.UserID, s.Operation = p.userID, "op"
		r, err := p.ledger.Consume(t.Context(), s)
		return receipt(what, r, err)
	}
	back := func(what string, g credits.RefundParams) {
		g.UserID, g.Operation = p.userID, "op"
		r, err := p.ledger.Refund(t.Context(), g)
		receipt(what, r, err)
	}

	first := spend("use", credits.ConsumeParams{Amount: 30, Key: "a", Metadata: map[string]any{"n": 1}})
	again := spend("use again", credits.ConsumeParams{Amount: 30, Key: "a", Metadata: map[string]any{"n": 1}})
	add("the same", first == again, nil)
	spend("use of another amount", credits.ConsumeParams{Amount: 31, Key: "a"})
	spend("use of too much", credits.ConsumeParams{Amount: 500})
	back("refund", credits.RefundParams{Amount: 10, TransactionID: first, Key: "b"})
	back("refund again", credits.RefundParams{Amount: 10, TransactionID: first, Key: "b"})
	back("refund of too much", credits.RefundParams{Amount: 21, TransactionID: first})
	back("refund of nothing known", credits.RefundParams{Amount: 1, TransactionID: "00000000-0000-8000-8000-ffffffffffff"})
	back("refund of the newest", credits.RefundParams{Amount: 5})

	v := reserve("reserve", credits.ReserveParams{Amount: 40, Operation: "op", Key: "c", For: time.Minute})
	add("reserve again", reserve("same", credits.ReserveParams{Amount: 40, Operation: "op", Key: "c", For: time.Minute}).ID == v.ID, nil)
	reserve("reserve another", credits.ReserveParams{Amount: 41, Operation: "op", Key: "c", For: time.Minute})
	reserve("reserve too much", credits.ReserveParams{Amount: 500, Operation: "op"})
	commit("commit too much", credits.CommitParams{ReservationID: v.ID, Amount: 41})
	id := commit("commit a part", credits.CommitParams{ReservationID: v.ID, Amount: 15})
	fmt.Fprintf(&record, "commit again: same %v\n", commit("commit", credits.CommitParams{ReservationID: v.ID, Amount: 15}) == id)
	commit("commit another amount", credits.CommitParams{ReservationID: v.ID, Amount: 16})
	release("release the committed", v.ID)
	w := reserve("reserve", credits.ReserveParams{Amount: 20, Operation: "op"})
	release("release", w.ID)
	release("release again", w.ID)
	commit("commit the released", credits.CommitParams{ReservationID: w.ID})
	x := reserve("reserve for a minute", credits.ReserveParams{Amount: 20, Operation: "op", Key: "d", For: time.Minute})
	p.clock.Advance(time.Minute)
	commit("commit the expired", credits.CommitParams{ReservationID: x.ID})
	release("release the expired", x.ID)
	commit("commit nothing known", credits.CommitParams{ReservationID: "00000000-0000-8000-8000-ffffffffffff"})

	guarded(t, p, &record)
	list, next, err := p.ledger.TransactionsPage(t.Context(), credits.PageParams{UserID: p.userID, Limit: 200})
	for _, row := range list {
		key := row.Key
		if strings.HasPrefix(key, "go-") {
			key = "one of the client's"
		}
		if row.Source != "service" {
			t.Errorf("%+v: the source is %q", row, row.Source)
		}
		fmt.Fprintln(&record, row.Type, row.Source, row.Amount, row.BalanceBefore, row.BalanceAfter, row.AppID, row.Operation, string(row.Metadata), key)
	}
	fmt.Fprintln(&record, next, err)
	return record.String()
}

// guarded goes through what the guards ask of a ledger, key by key.
func guarded(t *testing.T, p place, record *strings.Builder) {
	t.Helper()
	guard := charge.New(p.ledger, "op", charge.Fixed(10), charge.Config{Logger: slog.New(slog.DiscardHandler)})
	admit := func(key string) (*charge.Charge, *middleware.Denial) {
		r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
		r.Header.Set(charge.KeyHeader, key)
		return guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: p.userID})))
	}
	run := func(what, key string, status int) {
		charged, denial := admit(key)
		if denial != nil {
			fmt.Fprintf(record, "%s: %d\n", what, denial.Status)
			return
		}
		w := httptest.NewRecorder()
		_ = charged.Run(w, func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(status); return nil })
		fmt.Fprintf(record, "%s: %d\n", what, w.Code)
	}
	run("charged", "k1", 200)
	run("replay", "k1", 200)
	for range 3 {
		run("failure", "k2", 500)
	}
	run("retry after a failure", "k2", 200)
	run("replay of the retry", "k2", 200)
	if _, denial := admit("k3"); denial != nil { // and its process dies
		fmt.Fprintln(record, denial.Status)
	}
	run("while another holds", "k3", 200)
	p.clock.Advance(15 * time.Minute)
	run("after it expired", "k3", 200)
}
