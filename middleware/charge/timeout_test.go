package charge_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/middleware/charge"
)

// TestTimeoutHandler: an answer that http.TimeoutHandler has thrown away, for a
// 503 of its own, is not charged, whatever the handler did with it.
func TestTimeoutHandler(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"writes nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"writes before": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "the answer")
			<-r.Context().Done()
		},
		"writes after": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			_, _ = io.WriteString(w, "the answer")
		},
		"in time": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the answer") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				ledger, settled := &expiring{}, make(chan struct{})
				guard := charge.New(ledger, "slow", charge.Fixed(10), charge.Config{Logger: slog.New(slog.DiscardHandler)})
				charged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(settled)
					charged, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
					if denial != nil {
						t.Error(denial.Err)
						return
					}
					_ = charged.Run(w, func(w http.ResponseWriter, r *http.Request) error { handler(w, r); return nil })
				})
				w := httptest.NewRecorder()
				http.TimeoutHandler(charged, time.Second, "too slow").ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
				<-settled
				if answered := w.Code == http.StatusOK; answered != (name == "in time") || answered != (ledger.committed == 10) || answered == ledger.released {
					t.Errorf("%d %q, %+v", w.Code, w.Body, ledger)
				}
			})
		})
	}
}

// Who makes a handler outlive a time limit has what it stores for its price:
// with a handler that reports, or one that is known to leave something behind.
func TestS18StoredBehindATimeLimit(t *testing.T) {
	t.Parallel()
	store := func(report bool, wait time.Duration, err error) func(http.ResponseWriter, *http.Request) error {
		return func(w http.ResponseWriter, r *http.Request) error {
			time.Sleep(wait)
			if report {
				_ = charge.SetCost(r.Context(), 4)
			}
			if err != nil {
				return err
			}
			_, err := io.WriteString(w, "stored")
			return err
		}
	}
	own := errors.New("nothing was stored")
	for _, c := range []struct {
		name    string
		durable bool
		handler func(http.ResponseWriter, *http.Request) error
		limit   time.Duration // of an http.TimeoutHandler; 0: the reservation's
		want    int64         // 0: released
	}{
		{"durable, TimeoutHandler", true, store(false, 2*time.Second, nil), time.Second, 10},
		{"durable and reported, TimeoutHandler", true, store(true, 2*time.Second, nil), time.Second, 4},
		{"reported, TimeoutHandler", false, store(true, 2*time.Second, nil), time.Second, 4},
		{"neither, TimeoutHandler", false, store(false, 2*time.Second, nil), time.Second, 0},
		{"durable and failed, TimeoutHandler", true, store(false, 2*time.Second, own), time.Second, 0},
		{"durable, a slow upload", true, store(false, 14*time.Minute+50*time.Second, nil), 0, 10},
		{"reported, a slow upload", false, store(true, 14*time.Minute+50*time.Second, nil), 0, 4},
		{"neither, a slow upload", false, store(false, 14*time.Minute+50*time.Second, nil), 0, 0},
		{"durable and failed, a slow upload", true, store(false, 14*time.Minute+50*time.Second, own), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble.Test(t, func(t *testing.T) {
				ledger, settled := &expiring{}, make(chan struct{})
				guard := charge.New(ledger, "store", charge.Fixed(10), charge.Config{Durable: c.durable, Logger: slog.New(slog.DiscardHandler)})
				var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(settled)
					charged, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
					if denial != nil {
						t.Error(denial.Err)
						return
					}
					_ = charged.Run(w, c.handler)
				})
				if c.limit > 0 {
					handler = http.TimeoutHandler(handler, c.limit, "too slow")
				}
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/", nil))
				<-settled
				if ledger.committed != c.want || ledger.released != (c.want == 0) {
					t.Errorf("%+v, want %d committed", ledger, c.want)
				}
			})
		})
	}
}
