package charge_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/client"
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
			synctest.Test(t, func(t *testing.T) {
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
