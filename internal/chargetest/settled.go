package chargetest

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

var errHandler = errors.New("the handler failed")

// stream begins an answer of several parts.
func stream(w http.ResponseWriter) error {
	for range 3 {
		if err := text(w, "part\n"); err != nil {
			return err
		}
		if err := flush(w); err != nil {
			return err
		}
	}
	return nil
}

func report(r *http.Request, amount int64, w http.ResponseWriter) error {
	if err := charge.SetCost(r.Context(), amount); err != nil {
		return err
	}
	return text(w, "done")
}

// runSettled runs what a handler does with a caller who stays.
func runSettled(t *testing.T, suite Suite) {
	for _, c := range []struct {
		name    string
		serve   func(w http.ResponseWriter, r *http.Request) error
		status  int
		charged int64 // 0: released
	}{
		{"success", func(w http.ResponseWriter, _ *http.Request) error { return text(w, "done") }, 200, cost},
		{"success, streamed", func(w http.ResponseWriter, _ *http.Request) error { return stream(w) }, 200, cost},
		{"nothing written", func(http.ResponseWriter, *http.Request) error { return nil }, 200, cost},
		{"204", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil }, 204, cost},
		{"302", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(302)
			return text(w, "moved")
		}, 302, cost},
		{"400", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(400); return text(w, "no") }, 400, 0},
		{"404 without a body", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(404); return nil }, 404, 0},
		{"500", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(500); return text(w, "no") }, 500, 0},
		{"error", func(http.ResponseWriter, *http.Request) error { return errHandler }, 500, 0},
		{"panic", func(http.ResponseWriter, *http.Request) error { panic(errHandler) }, 500, 0},
		{"panic mid-stream", func(w http.ResponseWriter, _ *http.Request) error { _ = stream(w); panic(http.ErrAbortHandler) }, 200, cost},
		{"a part", func(w http.ResponseWriter, r *http.Request) error { return report(r, 3, w) }, 200, 3},
		{"the last report counts", func(w http.ResponseWriter, r *http.Request) error {
			for n := range int64(4) {
				_ = charge.SetCost(r.Context(), 8-n)
			}
			return text(w, "done")
		}, 200, 5},
		{"nothing after all", func(w http.ResponseWriter, r *http.Request) error { return report(r, 0, w) }, 200, 0},
		{"more than reserved", func(w http.ResponseWriter, r *http.Request) error {
			if err := charge.SetCost(r.Context(), cost+1); !errors.Is(err, credits.ErrInvalid) {
				return errHandler
			}
			return text(w, "done")
		}, 200, cost},
		{"a negative cost", func(w http.ResponseWriter, r *http.Request) error {
			if err := charge.SetCost(r.Context(), -1); !errors.Is(err, credits.ErrInvalid) {
				return errHandler
			}
			return text(w, "done")
		}, 200, cost},
		{"a part, and 500", func(w http.ResponseWriter, r *http.Request) error {
			_ = charge.SetCost(r.Context(), 3)
			w.WriteHeader(500)
			return text(w, "no")
		}, 500, 0},
		{"told what is reserved", func(w http.ResponseWriter, r *http.Request) error {
			reserved, ok := charge.Reserved(r.Context())
			return text(w, fmt.Sprint(reserved, ok))
		}, 200, cost},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, c.serve)
			got := r.send("POST", "ada", "")
			if got.status != c.status {
				t.Errorf("status %d; want %d", got.status, c.status)
			}
			outcome := charge.Committed
			if c.charged == 0 {
				outcome = charge.Released
			}
			info := r.became("ada", outcome, c.charged)
			if info.Reserved != cost || info.ReservationID == "" || info.Err != nil {
				t.Errorf("info %+v", info)
			}
			if c.status < 400 {
				r.equal("X-Credit-Reservation", info.ReservationID, got.header.Get(charge.ReservationHeader))
			}
			named := got.trailer.Get(charge.TransactionTrailer) + got.header.Get(charge.TransactionTrailer)
			if c.status != 204 && c.name != "panic mid-stream" { // which leaves no way to
				r.equal("X-Credit-Transaction", info.TransactionID, named)
			}
		})
	}
	t.Run("an error mid-stream", func(t *testing.T) {
		t.Parallel()
		if !suite.Errors {
			t.Skip("handlers have no errors")
		}
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error { _ = stream(w); return errHandler })
		r.send("POST", "ada", "")
		r.became("ada", charge.Committed, cost)
	})
	t.Run("every method", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, suite, func(w http.ResponseWriter, _ *http.Request) error { return text(w, "done") })
		for n, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"} {
			r.send(method, "ada", "")
			if info := <-r.infos; info.Outcome != charge.Committed {
				t.Errorf("%s: %+v", method, info)
			}
			r.taken("ada", int64(n+1)*cost)
		}
	})
}

// runCalls counts what a charged request asks of the ledger: one call to
// reserve and one to settle, none where nothing is charged.
func runCalls(t *testing.T, suite Suite) {
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, r *http.Request) error
		edit  edit
		calls int
	}{
		{"success", done, func(*Route) {}, 2},
		{"a part", func(w http.ResponseWriter, r *http.Request) error { return report(r, 3, w) }, func(*Route) {}, 2},
		{"failure", func(http.ResponseWriter, *http.Request) error { return errHandler }, func(*Route) {}, 2},
		{"a failure mid-stream", func(w http.ResponseWriter, _ *http.Request) error { _ = stream(w); return errHandler }, func(*Route) {}, 2},
		{"durable", done, func(r *Route) { r.Config.Durable = true }, 2},
		{"too little", done, func(r *Route) { r.Cost = charge.Fixed(bonus + 1) }, 1},
		{"a cost of nothing", done, func(r *Route) { r.Cost = func(*http.Request) (int64, error) { return 0, nil } }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, suite, c.serve, c.edit)
			r.send("POST", "ada", "", charge.KeyHeader, "k1")
			<-r.infos
			r.equal("calls of the ledger", c.calls, r.CreditRequests())
		})
	}
}
