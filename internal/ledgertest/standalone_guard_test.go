package ledgertest

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// The guard of charges on the standalone service of 2026, request by request. A
// commit takes all of a reservation there, and a key makes nothing count once.
func TestGuardOnTheStandaloneService(t *testing.T) {
	t.Parallel()
	service := newStandalone(t)
	ledger := newClient(t, service.URL, service.Client())
	var last charge.Info
	guard := charge.New(ledger, "op", charge.Fixed(10), charge.Config{
		Logger: slog.New(slog.DiscardHandler), OnCharge: func(i charge.Info) { last = i },
	})
	send := func(key string, handler func(w http.ResponseWriter, r *http.Request) error) (status int, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
		if key != "" {
			r.Header.Set(charge.KeyHeader, key)
		}
		r = r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"}))
		w := httptest.NewRecorder()
		charged, denial := guard.Admit(r)
		if denial != nil {
			denial.Write(w, r)
		} else if err := charged.Run(w, handler); err != nil {
			w.WriteHeader(http.StatusInternalServerError) // as a framework does
		}
		return w.Code, w.Body.String()
	}
	succeed := func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil }
	cheap := func(w http.ResponseWriter, r *http.Request) error {
		err := charge.SetCost(r.Context(), 3)
		w.WriteHeader(200)
		return err
	}
	fail := func(http.ResponseWriter, *http.Request) error { return errors.New("no answer") }

	status, body := send("", succeed)
	want := `{"statusCode":402,"error":"Insufficient Credits","message":"Not enough credits for op. Required: 10, Available: 0",` +
		`"details":{"requiredCredits":10,"availableCredits":0,"creditType":"user","operation":"op"}}`
	if diff := cmp.Diff(want, body); status != 402 || diff != "" {
		t.Errorf("without an account: status %d (-want +got):\n%s", status, diff)
	}
	service.grant("ada", 100)

	for _, c := range []struct {
		name, key string
		handler   func(http.ResponseWriter, *http.Request) error
		status    int
		outcome   charge.Outcome
		left      int64
	}{
		{"a success", "", succeed, 200, charge.Committed, 90},
		{"a failure", "", fail, 500, charge.Released, 90},
		{"a part, of which the service knows nothing", "", cheap, 200, charge.Committed, 80},
		{"with a key", "k", succeed, 200, charge.Committed, 70},
		{"a copy of it", "k", succeed, 200, charge.Committed, 60},
	} {
		status, _ := send(c.key, c.handler)
		if status != c.status || last.Outcome != c.outcome || last.Err != nil {
			t.Errorf("%s: status %d, %+v; want %d, %s", c.name, status, last, c.status, c.outcome)
		}
		if b, err := ledger.Balance(t.Context(), "ada"); b.Available() != c.left || err != nil {
			t.Errorf("%s: %+v, %v; want %d left", c.name, b, err, c.left)
		}
	}

	service.key = "another"
	if status, _ := send("", succeed); status != 500 || !errors.Is(last.Err, credits.ErrForbidden) {
		t.Errorf("with a key that is not taken: status %d, %+v; want 500 and %v", status, last, credits.ErrForbidden)
	}
}

// losing answers each request, and loses the first answer on the way.
type losing struct {
	http.RoundTripper
	route string // of what gets lost
	lost  bool
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && !l.lost && strings.HasSuffix(r.URL.Path, l.route) {
		l.lost = true
		_ = resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

// A settling whose answer gets lost is asked for again. Our ledger has the same
// answer then; the standalone service says that the reservation is settled, and
// not by whom, so that the outcome is not known.
func TestSettlingWhoseAnswerGetsLost(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) place{
		"authtest":   fakePlace,
		"authserver": realPlace,
		"standalone": func(t *testing.T) place {
			service := newStandalone(t)
			if _, err := newClient(t, service.URL, service.Client()).Balance(t.Context(), "ada"); err != nil {
				t.Fatal(err)
			}
			service.grant("ada", 150)
			return place{url: service.URL, http: service.Client(), userID: "ada"}
		},
	} {
		for _, route := range []string{"/commit", "/refund-reservation"} {
			t.Run(name+route, func(t *testing.T) {
				t.Parallel()
				p := open(t)
				ledger := newClient(t, p.url, &http.Client{Transport: &losing{RoundTripper: p.http.Transport, route: route}})
				v, err := ledger.Reserve(t.Context(), credits.ReserveParams{UserID: p.userID, Amount: 100, Operation: "op"})
				if err != nil {
					t.Fatal(err)
				}
				left := int64(150)
				if route == "/commit" {
					left = 50
					_, err = ledger.Commit(t.Context(), credits.CommitParams{ReservationID: v.ID})
				} else {
					err = ledger.Release(t.Context(), v.ID)
				}
				if want := map[bool]string{true: "unavailable", false: ""}[name == "standalone"]; kindOf(err) != want {
					t.Errorf("%v is %q, want %q", err, kindOf(err), want)
				}
				if b, err := ledger.Balance(t.Context(), p.userID); b.Available() != left || err != nil {
					t.Errorf("%+v, %v; want %d", b, err, left)
				}
			})
		}
	}
}
