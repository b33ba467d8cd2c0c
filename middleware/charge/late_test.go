package charge_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/internal/bubble"
	"github.com/manacore/manacore-go/middleware/charge"
)

// expiring is a ledger of one reservation, which can't be committed once it has
// expired.
type expiring struct {
	expiry    time.Time
	committed int64
	released  bool
}

func (l *expiring) Reserve(_ context.Context, h credits.ReserveParams) (credits.Reservation, error) {
	l.expiry = time.Now().Add(h.For)
	return credits.Reservation{ID: "r", Amount: h.Amount, ExpiresAt: l.expiry}, nil
}

func (l *expiring) Commit(_ context.Context, s credits.CommitParams) (string, error) {
	if !time.Now().Before(l.expiry) {
		return "", credits.ErrConflict
	}
	l.committed = s.Amount
	return "t", nil
}

func (l *expiring) Release(context.Context, string) error {
	l.released = true
	return nil
}

// slow is a connection whose reader takes the first write and then waits for
// good, or until the connection's time is over.
type slow struct {
	*httptest.ResponseRecorder
	over chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	if s.Body.Len() == 0 {
		return s.ResponseRecorder.Write(p)
	}
	<-s.over
	return 0, os.ErrDeadlineExceeded
}

func (s *slow) SetWriteDeadline(at time.Time) error {
	if !at.After(time.Now()) {
		close(s.over)
	}
	return nil
}

// TestNobodyOutwaitsTheReservation: a caller who reads or uploads so slowly
// that the reservation would expire does not get the answer for free.
func TestNobodyOutwaitsTheReservation(t *testing.T) {
	t.Parallel()
	run := func(handler func(http.ResponseWriter, *http.Request) error) (*slow, *expiring) {
		ledger := &expiring{}
		guard := charge.New(ledger, "stream", charge.Fixed(10), charge.Config{Logger: slog.New(slog.DiscardHandler)})
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/stream", nil)
		charged, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
		if denial != nil {
			t.Fatal(denial.Err)
		}
		w := &slow{httptest.NewRecorder(), make(chan struct{})}
		_ = charged.Run(w, handler)
		return w, ledger
	}
	t.Run("by reading", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			w, ledger := run(func(w http.ResponseWriter, _ *http.Request) error {
				_, _ = io.WriteString(w, "first")
				_, err := io.WriteString(w, "second")
				if _, again := io.WriteString(w, "third"); err == nil || again == nil {
					t.Errorf("written: %v, %v", err, again)
				}
				return err
			})
			if w.Body.String() != "first" || ledger.committed != 10 || ledger.released {
				t.Errorf("%q sent, %+v", w.Body, ledger)
			}
		})
	})
	t.Run("by uploading", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			w, ledger := run(func(w http.ResponseWriter, _ *http.Request) error {
				w.Header().Set("X-Secret", "the answer")
				time.Sleep(16 * time.Minute)
				_, err := io.WriteString(w, "the answer")
				return err
			})
			if w.Code != 503 || w.Body.Len() == 0 || w.Header().Get("Retry-After") == "" ||
				w.Header().Get("X-Secret") != "" || ledger.committed != 0 || !ledger.released {
				t.Errorf("%d %q, %+v", w.Code, w.Body, ledger)
			}
		})
	})
	t.Run("in time", func(t *testing.T) {
		bubble.Test(t, func(t *testing.T) {
			w, ledger := run(func(w http.ResponseWriter, _ *http.Request) error {
				time.Sleep(14 * time.Minute)
				_, err := io.WriteString(w, "the answer")
				return err
			})
			time.Sleep(time.Hour)
			select {
			case <-w.over:
				t.Error("the connection was cut off after the handler")
			default:
			}
			if w.Code != 200 || w.Body.String() != "the answer" || ledger.committed != 10 {
				t.Errorf("%d %q, %+v", w.Code, w.Body, ledger)
			}
		})
	})
}

// faulty is a writer of the program's own with a fault in what few call.
type faulty struct{ *httptest.ResponseRecorder }

func (faulty) SetWriteDeadline(time.Time) error { panic("secret") }

// The time is over on a goroutine of the guard's.
func TestS10PanicWhenTheTimeIsOver(t *testing.T) {
	t.Parallel()
	bubble.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		guard := charge.New(&expiring{}, "stream", charge.Fixed(10), charge.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/stream", nil)
		charged, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"})))
		if denial != nil {
			t.Fatal(denial.Err)
		}
		_ = charged.Run(faulty{httptest.NewRecorder()}, func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "first")
			time.Sleep(15*time.Minute - time.Second)
			return err
		})
		synctest.Wait()
		if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "panic=string") || strings.Contains(text, "secret") {
			t.Errorf("log: %s\nwant one error with the panic's type", text)
		}
	})
}
