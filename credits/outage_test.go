package credits_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/internal/wire"
)

// method is one of the client's, with an operation that takes place at most
// once however often it runs, and what is left of ada's 150 credits and what is
// reserved when it has.
type method struct {
	name                string
	run                 func(ctx context.Context, ledger *credits.Client, reservation, transaction string) (any, error)
	charges             []int64 // after the two of the preparation
	available, reserved int64
}

// Before the fault 20 credits are reserved and 30 are spent.
var methods = []method{
	{"Balance", func(ctx context.Context, l *credits.Client, _, _ string) (any, error) { return l.Balance(ctx, ada) }, nil, 100, 20},
	{"Check", func(ctx context.Context, l *credits.Client, _, _ string) (any, error) {
		return nil, l.Check(ctx, ada, 100)
	}, nil, 100, 20},
	{"Consume", func(ctx context.Context, l *credits.Client, _, _ string) (any, error) {
		return l.Consume(ctx, credits.ConsumeParams{UserID: ada, Amount: 7, Operation: "op", Key: "consume"})
	}, []int64{-7}, 93, 20},
	{"Refund", func(ctx context.Context, l *credits.Client, _, transaction string) (any, error) {
		return l.Refund(ctx, credits.RefundParams{UserID: ada, Amount: 7, Operation: "op", TransactionID: transaction, Key: "refund"})
	}, []int64{7}, 107, 20},
	{"Reserve", func(ctx context.Context, l *credits.Client, _, _ string) (any, error) {
		return l.Reserve(ctx, credits.ReserveParams{UserID: ada, Amount: 7, Operation: "op", Key: "reserve"})
	}, nil, 93, 27},
	{"Commit", func(ctx context.Context, l *credits.Client, reservation, _ string) (any, error) {
		return l.Commit(ctx, credits.CommitParams{ReservationID: reservation, Amount: 7})
	}, []int64{-7}, 113, 0},
	{"Release", func(ctx context.Context, l *credits.Client, reservation, _ string) (any, error) {
		return nil, l.Release(ctx, reservation)
	}, nil, 120, 0},
	{"Transactions", func(ctx context.Context, l *credits.Client, _, _ string) (any, error) {
		list, _, err := l.TransactionsPage(ctx, credits.PageParams{UserID: ada})
		if list == nil {
			return nil, err
		}
		return list, err
	}, nil, 100, 20},
}

// The twelve faults of authtest, each with every method: while it lasts, an
// ErrUnavailable and nothing made up; after it, the same operation again takes
// place, and all in all once.
func TestOutages(t *testing.T) {
	t.Parallel()
	for _, fault := range authtest.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			for _, m := range methods {
				t.Run(m.name, func(t *testing.T) { t.Parallel(); m.outage(t, fault) })
			}
		})
	}
}

func (m method) outage(t *testing.T, fault authtest.Fault) {
	var options []authtest.Option
	if fault == authtest.TLSError {
		options = append(options, authtest.WithTLS())
	}
	issuer := authtest.NewIssuer(t, options...)
	r := &rig{Issuer: issuer, t: t}
	r.ledger = r.newClient(nil)
	receipt := must[credits.Receipt](t)(r.ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 30, Operation: "before"}))
	v := must[credits.Reservation](t)(r.ledger.Reserve(t.Context(), credits.ReserveParams{UserID: ada, Amount: 20, Operation: "before"}))
	during := r.newClient(func(c *credits.Config) {
		if fault == authtest.TimedOut || fault == authtest.SlowDrip {
			c.Timeout, c.Attempt = 300*time.Millisecond, 100*time.Millisecond
		}
	})
	issuer.Break(fault)
	result, err := m.run(t.Context(), during, v.ID, receipt.TransactionID)
	r.fails(err, credits.ErrUnavailable)
	if diff := cmp.Diff(zero(result), result); diff != "" {
		t.Errorf("made up (-zero +got):\n%s", diff)
	}
	issuer.Up()
	if _, err := m.run(t.Context(), r.ledger, v.ID, receipt.TransactionID); err != nil {
		t.Errorf("after the fault: %v", err)
	}
	if diff := cmp.Diff(append([]int64{150, -30}, m.charges...), r.Charges(ada)); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	r.has(m.available, m.reserved)
	if n := issuer.RedirectsFollowed(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// zero is the zero value of a result's type.
func zero(result any) any {
	switch result.(type) {
	case credits.Balance:
		return credits.Balance{}
	case credits.Receipt:
		return credits.Receipt{}
	case credits.Reservation:
		return credits.Reservation{}
	case string:
		return ""
	}
	return nil
}

// transport answers in the process, inside a bubble of testing/synctest.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func status(r *http.Request, code int, header http.Header) *http.Response {
	return &http.Response{StatusCode: code, Header: header, Body: http.NoBody, Request: r}
}

func bubbled(t *testing.T, answer transport, edit func(*credits.Config)) *credits.Client {
	t.Helper()
	r := &rig{t: t}
	config := credits.Config{AppID: "chat", ServiceKey: "key", HTTPClient: &http.Client{Transport: answer}}
	if edit != nil {
		edit(&config)
	}
	ledger, err := credits.New(config)
	if err != nil {
		r.t.Fatal(err)
	}
	t.Cleanup(func() { ledger.Close() })
	return ledger
}

// How often, and after which waits, a call is repeated.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	lost := func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	code := func(n int, after string) transport {
		return func(r *http.Request) (*http.Response, error) {
			return status(r, n, http.Header{"Retry-After": {after}}), nil
		}
	}
	for _, c := range []struct {
		name        string
		answer      transport
		edit        func(*credits.Config)
		requests    int
		least, most time.Duration // of the whole call
	}{
		{"lost", lost, nil, 3, 0, 300 * time.Millisecond},
		{"500", code(500, ""), nil, 3, 0, 300 * time.Millisecond},
		{"503 that asks for a second", code(503, "1"), nil, 3, 2 * time.Second, 3 * time.Second},
		{"429 that asks for a minute", code(429, "60"), nil, 1, 0, 0},
		{"a nonsensical Retry-After", code(503, "soon"), nil, 3, 0, 300 * time.Millisecond},
		{"404 that is no verdict", code(404, ""), nil, 1, 0, 0},
		{"none asked for", lost, func(c *credits.Config) { c.Retries = -1 }, 1, 0, 0},
		{"hanging", func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() },
			nil, 3, 5 * time.Second, 5 * time.Second},
		{"bounded in its growth", lost, func(c *credits.Config) { c.Retries, c.Timeout, c.Breaker.Failures = 60, time.Minute, 1000 },
			61, 0, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				requests := 0
				ledger := bubbled(t, func(r *http.Request) (*http.Response, error) { requests++; return c.answer(r) }, c.edit)
				start := time.Now()
				_, err := ledger.Consume(t.Context(), credits.ConsumeParams{UserID: ada, Amount: 1, Operation: "op"})
				took := time.Since(start)
				if !errors.Is(err, credits.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
				if requests != c.requests || took < c.least || took > c.most {
					t.Errorf("%d requests in %v; want %d in %v to %v", requests, took, c.requests, c.least, c.most)
				}
				if s := ledger.Stats(); s.Calls != 1 || s.Repeated != uint64(c.requests-1) || s.Unavailable != 1 {
					t.Errorf("stats %+v", s)
				}
			})
		})
	}
}

// The caller's own limit ends a call at once, and says so.
func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		ledger := bubbled(t, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := ledger.Balance(ctx, ada)
		if !errors.Is(err, credits.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if state := ledger.Stats().Breaker; state != "closed" {
			t.Errorf("breaker %s", state)
		}
	})
}

// One caller's patience says nothing about the ledger, and its end is no outage.
func TestS04ImpatientCallers(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"S4 a deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Millisecond)
		},
		"S4 a timeout with a cause": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, 20*time.Millisecond, errors.New("enough"))
		},
		"S4 a cancellation": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		},
		// net/http may end a call for its deadline before the context says so.
		"S4 a deadline that has passed": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return &overdue{ctx, time.Now().Add(20 * time.Millisecond)}, func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				ledger := bubbled(t, func(r *http.Request) (*http.Response, error) {
					if deadline, _ := r.Context().Deadline(); r.Context().Value(overdueKey{}) != nil {
						time.Sleep(time.Until(deadline))
						return nil, os.ErrDeadlineExceeded
					}
					return hang(r)
				}, func(c *credits.Config) {
					c.Retries, c.Breaker.Failures = -1, 1
					c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				})
				for range 5 {
					ctx, cancel := end(t.Context())
					if _, err := ledger.Balance(ctx, ada); !errors.Is(err, credits.ErrUnavailable) {
						t.Errorf("error %v", err)
					}
					cancel()
				}
				if s := ledger.Stats(); s.Breaker != "closed" || s.Calls != 5 || s.Unavailable != 0 || log.Len() != 0 {
					t.Errorf("%+v after five impatient callers, log %q", s, &log)
				}
			})
		})
	}
	t.Run("the client's own timeout does", func(t *testing.T) {
		t.Parallel()
		bubble.Test(t, func(t *testing.T) {
			ledger := bubbled(t, hang, func(c *credits.Config) { c.Retries, c.Breaker.Failures = -1, 1 })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := ledger.Balance(ctx, ada)
			if s := ledger.Stats(); !errors.Is(err, credits.ErrUnavailable) || s.Breaker != "open" || s.Unavailable != 1 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	})
}

// overdue is a context whose timer is late.
type overdue struct {
	context.Context
	deadline time.Time
}

type overdueKey struct{}

func (o *overdue) Value(key any) any {
	if key == (overdueKey{}) {
		return o
	}
	return o.Context.Value(key)
}

func (o *overdue) Deadline() (time.Time, bool) { return o.deadline, true }

// The breaker counts failures of the ledger, not its refusals and not what
// callers do.
func TestBreaker(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		var requests int
		answer := http.StatusInternalServerError
		ledger := bubbled(t, func(r *http.Request) (*http.Response, error) { requests++; return status(r, answer, nil), nil },
			func(c *credits.Config) {
				c.Retries, c.Breaker = -1, client.BreakerConfig{Failures: 3, OpenFor: time.Minute}
			})
		ask := func(n int) {
			for range n {
				_, err := ledger.Balance(t.Context(), ada)
				if !errors.Is(err, credits.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
			}
		}
		for _, code := range []int{400, 401, 404, 409, 429, 302} {
			answer = code
			ask(3)
		}
		if ledger.Stats().Breaker != "closed" || requests != 18 {
			t.Errorf("%+v after %d answers below 500", ledger.Stats(), requests)
		}
		answer, requests = 500, 0
		ask(5)
		if ledger.Stats().Breaker != "open" || requests != 3 {
			t.Errorf("%+v after %d failures, want open after 3", ledger.Stats(), requests)
		}
		time.Sleep(time.Minute + time.Second)
		ask(2)
		if requests != 4 {
			t.Errorf("%d requests, want one probe", requests)
		}
	})
}

// A conflict may be that of an operation which is still running: it is asked
// for again. One of a settled reservation is not.
func TestConflictsThatPass(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var mu sync.Mutex
	requests := map[string]int{}
	r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests[req.URL.Path]++
		wire.Reply(w, req, 409, wire.NewEnvelope(wire.Conflict, "", "", time.Now()))
	})
	r.every(r.ledger)
	want := map[string]int{}
	for path, n := range map[string]int{"/balance/ada": 2, "/use": 3, "/refund": 3, "/reserve": 3, "/commit": 1, "/refund-reservation": 1, "/transactions/ada": 1} {
		want[credits.InternalPrefix+path] = n // Check reads the balance as well
	}
	if diff := cmp.Diff(want, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
