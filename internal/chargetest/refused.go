package chargetest

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/manacore/manacore-go/authtest"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/wire"
	"github.com/manacore/manacore-go/middleware"
	"github.com/manacore/manacore-go/middleware/charge"
)

var timestamp = regexp.MustCompile(`"timestamp":"[^"]*"`)

// envelope is the body of a refusal, with its timestamp taken out.
func envelope(status int, code, message string) string {
	return fmt.Sprintf(`{"statusCode":%d,"message":"%s","error":"%s","code":"%s","timestamp":"T","path":"%s"}`, status, message, code, code, path)
}

// refused holds an answer to being a refusal of that body, and the handler to
// not having run.
func (r *rig) refused(got answer, status int, body, retryAfter string) {
	r.t.Helper()
	r.equal("status", status, got.status)
	r.equal("body", body, timestamp.ReplaceAllString(got.body, `"timestamp":"T"`))
	r.equal("Retry-After", retryAfter, got.header.Get("Retry-After"))
	r.equal("Cache-Control", "no-store", got.header.Get("Cache-Control"))
	r.equal("X-Credit-Reservation", "", got.header.Get(charge.ReservationHeader))
	if n := r.ran.Load(); n != 0 {
		r.t.Errorf("the handler ran %d times", n)
	}
}

// syncBuffer is a log that a test reads while others may write.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

const unavailable = "Request failed: credits are unavailable, retry later"

func done(w http.ResponseWriter, _ *http.Request) error { return text(w, "done") }

func runRefused(t *testing.T, suite Suite) {
	priced := func(n int64, err error) edit {
		return func(r *Route) { r.Cost = func(*http.Request) (int64, error) { return n, err } }
	}
	t.Run("no user", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, done)
		r.refused(r.send("POST", "", ""), 401, envelope(401, "UNAUTHORIZED", "No token provided"), "")
		if n := r.CreditRequests(); n != 0 {
			t.Errorf("%d requests to the ledger", n)
		}
	})
	t.Run("too little", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, done, priced(bonus+1, nil))
		r.refused(r.send("POST", "ada", ""), 402,
			`{"statusCode":402,"error":"Insufficient Credits","message":"Not enough credits for text_generation. Required: 151, Available: 150",`+
				`"details":{"requiredCredits":151,"availableCredits":150,"creditType":"user","operation":"text_generation"}}`, "")
		if info := r.became("ada", charge.Refused, 0); !errors.Is(info.Err, credits.ErrInsufficient) {
			t.Errorf("info %+v", info)
		}
	})
	for _, c := range []struct {
		name string
		cost edit
		want func(r *rig, got answer)
	}{
		{"the request has no cost", priced(0, fmt.Errorf("%w: no length", credits.ErrInvalid)), func(r *rig, got answer) {
			r.refused(got, 400, envelope(400, "INVALID_REQUEST", "The request asks for nothing that has a cost"), "")
		}},
		{"the cost can't be told", priced(0, errHandler), func(r *rig, got answer) {
			r.refused(got, 503, envelope(503, "SERVICE_UNAVAILABLE", unavailable), "2")
		}},
		{"the cost is not for this user", priced(0, client.ErrForbidden), func(r *rig, got answer) {
			r.refused(got, 503, envelope(503, "SERVICE_UNAVAILABLE", unavailable), "2")
		}},
		{"a negative cost", priced(-1, nil), func(r *rig, got answer) {
			r.refused(got, 503, envelope(503, "SERVICE_UNAVAILABLE", unavailable), "2")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, done, c.cost)
			c.want(r, r.send("POST", "ada", ""))
			r.became("ada", charge.Refused, 0)
		})
	}
	// Retrying does not help against a key that is not taken, and FailOpen is for
	// outages.
	for name, status := range map[string]int{
		"S35 the service key is not taken": 401, "S35 the service key does not allow it": 403,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log syncBuffer
			r := newRig(t, suite, done, func(r *Route) {
				r.Config.FailOpen = 10
				r.Config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			r.FaultCredits(func(w http.ResponseWriter, req *http.Request) {
				wire.Reply(w, req, status, map[string]any{"statusCode": status, "message": "Unauthorized"})
			})
			r.refused(r.send("POST", "ada", ""), 500, envelope(500, "INTERNAL", "Request failed: this service can't charge for it"), "")
			if info := r.became("ada", charge.Refused, 0); !errors.Is(info.Err, credits.ErrForbidden) {
				t.Errorf("info %+v", info)
			}
			for _, word := range []string{"level=ERROR", "MANA_SERVICE_KEY", "APP_ID"} {
				if text := log.String(); !strings.Contains(text, word) || strings.Contains(text, authtest.ServiceKey) {
					t.Errorf("the log does not say %q: %s", word, text)
				}
			}
		})
	}
	t.Run("a cost of nothing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, req *http.Request) error { return report(req, 5, w) }, priced(0, nil))
		if got := r.send("POST", "ada", ""); got.status != 200 || got.header.Get(charge.ReservationHeader) != "" {
			t.Errorf("answer %+v", got)
		}
		r.became("ada", charge.Uncharged, 0)
	})
	t.Run("written by the service", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, done, priced(bonus+1, nil), func(r *Route) {
			r.Config.DenyWith = func(w http.ResponseWriter, _ *http.Request, d *middleware.Denial) {
				w.WriteHeader(d.Status)
				_ = text(w, "buy some")
			}
		})
		if got := r.send("POST", "ada", ""); got.status != 402 || got.body != "buy some" {
			t.Errorf("answer %+v", got)
		}
	})
}

// runOutage runs what becomes of requests while the ledger fails.
func runOutage(t *testing.T, suite Suite) {
	for _, fault := range authtest.Faults() {
		if fault == authtest.TLSError || fault == authtest.TimedOut || fault == authtest.SlowDrip {
			continue // the client's own matrix has them: here they would only take time
		}
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, done)
			r.Break(fault)
			r.refused(r.send("POST", "ada", ""), 503, envelope(503, "SERVICE_UNAVAILABLE", unavailable), "2")
			if info := <-r.infos; info.Outcome != charge.Refused || !errors.Is(info.Err, credits.ErrUnavailable) {
				t.Errorf("info %+v", info)
			}
		})
	}
	t.Run("fail open", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, done, func(r *Route) { r.Config.FailOpen = 2 })
		r.Refuse() // before anything may have been set aside
		for range 2 {
			if got := r.send("POST", "ada", ""); got.status != 200 {
				t.Errorf("answer %+v", got)
			}
			if info := r.became("ada", charge.Uncharged, 0); !errors.Is(info.Err, credits.ErrUnavailable) {
				t.Errorf("info %+v", info)
			}
		}
		if got := r.send("POST", "ada", ""); got.status != 503 {
			t.Errorf("answer %+v beyond the cap, want 503", got)
		}
		r.became("ada", charge.Refused, 0)
		r.Up()
		r.send("POST", "ada", "")
		r.became("ada", charge.Committed, cost)
	})
	t.Run("fail open admits nobody who is refused", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, done, func(r *Route) { r.Config.FailOpen, r.Cost = 10, charge.Fixed(bonus+1) })
		if got := r.send("POST", "ada", ""); got.status != 402 {
			t.Errorf("answer %+v, want 402", got)
		}
		r.became("ada", charge.Refused, 0)
	})
	// The ledger goes between reserving and committing: the caller has its
	// answer, and what stays reserved returns by expiry.
	t.Run("gone before the commit", func(t *testing.T) {
		t.Parallel()
		var r *rig
		r = newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error {
			r.Refuse()
			return text(w, "done")
		})
		if got := r.send("POST", "ada", ""); got.status != 200 || got.body != "done" || len(got.trailer.Get(charge.TransactionTrailer)) != 0 {
			t.Errorf("answer %+v", got)
		}
		if info := <-r.infos; info.Outcome != charge.Unsettled || info.Charged != 0 || !errors.Is(info.Err, credits.ErrUnavailable) {
			t.Errorf("info %+v", info)
		}
		if available, held := r.Credits("ada"); available != bonus-cost || held != cost {
			t.Errorf("%d available, %d held", available, held)
		}
		r.clock.Advance(holdFor)
		r.taken("ada", 0)
	})
}
