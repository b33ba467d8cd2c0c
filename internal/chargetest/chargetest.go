// Package chargetest is the suite that the charge guards of all frameworks
// pass. An adapter's test builds an http.Handler from routes, with the means of
// its framework, and hands the builder to Run: requests go over real sockets,
// charges over the real wire to a ledger of authtest, and one table of what is
// charged holds for all.
package chargetest

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// Suite is an adapter under test.
type Suite struct {
	// Build makes a handler of routes that stand behind a guard which asks
	// auth. It answers 500 to a handler's panic, and to its error where nothing
	// was written, in the way that is usual with the framework.
	Build func(auth client.Verifier, routes []Route) http.Handler
	// Errors: handlers of the framework return errors, and so one that fails
	// after its answer began can say it.
	Errors bool
}

// Route is one charged route, for every method.
type Route struct {
	Path      string
	Ledger    charge.Ledger
	Operation string
	Cost      charge.CostFunc
	Config    charge.Config
	Serve     func(w http.ResponseWriter, r *http.Request) error
}

// Run runs the suite.
func Run(t *testing.T, suite Suite) {
	t.Helper()
	t.Run("settled", func(t *testing.T) { t.Parallel(); runSettled(t, suite) })
	t.Run("delivered", func(t *testing.T) { t.Parallel(); runDelivered(t, suite) })
	t.Run("durable", func(t *testing.T) { t.Parallel(); runDurable(t, suite) })
	t.Run("named", func(t *testing.T) { t.Parallel(); runNamed(t, suite) })
	t.Run("calls", func(t *testing.T) { t.Parallel(); runCalls(t, suite) })
	t.Run("disconnected", func(t *testing.T) { t.Parallel(); runDisconnected(t, suite) })
	t.Run("abandoned", func(t *testing.T) { t.Parallel(); runAbandoned(t, suite) })
	t.Run("refused", func(t *testing.T) { t.Parallel(); runRefused(t, suite) })
	t.Run("keys", func(t *testing.T) { t.Parallel(); runKeys(t, suite) })
	t.Run("outage", func(t *testing.T) { t.Parallel(); runOutage(t, suite) })
	t.Run("writer", func(t *testing.T) { t.Parallel(); runWriter(t, suite) })
}

const (
	path      = "/generate"
	operation = "text_generation"
	cost      = 10
	bonus     = authtest.SignupBonus
)

// rig is a service with one charged route, and its ledger.
type rig struct {
	*authtest.Issuer
	t      *testing.T
	clock  *authtest.Clock
	server *httptest.Server
	ran    atomic.Int64
	infos  chan charge.Info // one a request

	deadline deadline // of every request
}

// edit changes the route of a rig.
type edit func(*Route)

func newRig(t *testing.T, suite Suite, serve func(w http.ResponseWriter, r *http.Request) error, edits ...edit) *rig {
	t.Helper()
	clock := authtest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	r := &rig{Issuer: authtest.NewIssuer(t, authtest.WithClock(clock)), t: t, clock: clock, infos: make(chan charge.Info, 64)}
	ledger, err := credits.New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	route := Route{
		Path: path, Ledger: ledger, Operation: operation, Cost: charge.Fixed(cost),
		Config: charge.Config{
			OnCharge: func(info charge.Info) { r.infos <- info },
			Logger:   slog.New(slog.DiscardHandler),
		},
		Serve: func(w http.ResponseWriter, req *http.Request) error {
			r.ran.Add(1)
			return serve(w, req)
		},
	}
	for _, e := range edits {
		e(&route)
	}
	r.server = httptest.NewUnstartedServer(suite.Build(verifier{}, []Route{route}))
	r.deadline = deadline{t.Context(), make(chan struct{})}
	r.server.Config.BaseContext = func(net.Listener) context.Context { return r.deadline }
	r.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

func (r *rig) config() credits.Config {
	return credits.Config{
		URL: r.URL(), AppID: "chat", ServiceKey: authtest.ServiceKey, HTTPClient: r.HTTPClient(),
		Timeout: time.Minute, Attempt: time.Minute, Retries: -1, // a busy machine must not look like an outage
		Logger: slog.New(slog.DiscardHandler),
	}
}

// verifier takes every token for a user's id.
type verifier struct{}

func (verifier) Verify(_ context.Context, token string) (client.User, error) {
	if token == "" {
		return client.User{}, client.ErrNoToken
	}
	return client.User{ID: token, Email: token + "@example.com", Role: "user"}, nil
}

// answer is a whole response.
type answer struct {
	status          int
	body            string
	header, trailer http.Header
}

// send sends a request for a user, and reads the answer to its end.
func (r *rig) send(method, user, body string, header ...string) answer {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if user != "" {
		request.Header.Set("Authorization", "Bearer "+user)
	}
	for n := 0; n < len(header); n += 2 {
		request.Header.Add(header[n], header[n+1])
	}
	return r.do(request)
}

func (r *rig) do(request *http.Request) answer {
	r.t.Helper()
	response, err := r.server.Client().Transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // a handler that panics may break it off
	return answer{response.StatusCode, string(text), response.Header, response.Trailer}
}

// dial opens a connection and sends the head of a request by hand.
func (r *rig) dial(user string, header ...string) *net.TCPConn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+user+"\r\n"+strings.Join(header, "")+"\r\n"); err != nil {
		r.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// readUntil reads what a service sends until it has sent text.
func readUntil(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

// became holds what the guard says became of a request, and what the ledger
// has, against what should.
func (r *rig) became(user string, outcome charge.Outcome, charged int64) charge.Info {
	r.t.Helper()
	info := <-r.infos
	if info.Outcome != outcome || info.Charged != charged || info.UserID != user || info.Operation != operation {
		r.t.Errorf("%+v; want %s, %d charged", info, outcome, charged)
	}
	r.taken(user, charged)
	return info
}

// taken holds the ledger to having taken that much in all, and to holding
// nothing.
func (r *rig) taken(user string, amount int64) {
	r.t.Helper()
	if available, held := r.Credits(user); available != bonus-amount || held != 0 {
		r.t.Errorf("%d available, %d held; want %d and 0", available, held, bonus-amount)
	}
	sum := int64(0)
	for _, change := range r.Charges(user) {
		sum += change
	}
	if sum != bonus-amount {
		r.t.Errorf("the transactions come to %d, want %d", sum, bonus-amount)
	}
}

func (r *rig) equal(what string, want, got any) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func text(w http.ResponseWriter, body string) error {
	_, err := io.WriteString(w, body)
	return err
}

func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }
