package charge_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/credits"
	"github.com/manacore/manacore-go/middleware/charge"
)

// It sets slog.Default, and so does not run beside other tests: a program may
// set its logger after its guards are made.
func TestS33LoggerOfTheProgram(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ledger, err := credits.New(credits.Config{
		AppID: "chat", ServiceKey: "key", Retries: -1,
		HTTPClient: &http.Client{Transport: refusing{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	guard := charge.New(ledger, "op", charge.Fixed(1), charge.Config{})
	var late bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&late, nil)))
	r := httptest.NewRequest("POST", "/", nil)
	if _, denial := guard.Admit(r.WithContext(client.WithUser(r.Context(), client.User{ID: "ada"}))); denial == nil {
		t.Fatal("admitted without a ledger")
	}
	_ = ledger.Close()
	for _, text := range []string{"the credit ledger gave no answer", "requests are refused"} {
		if !strings.Contains(late.String(), text) {
			t.Errorf("the logger that was set later lacks %q: %s", text, &late)
		}
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }

// away is a ledger that gives no answer.
type away struct{ charge.Ledger }

func (away) Reserve(ctx context.Context, _ credits.ReserveParams) (credits.Reservation, error) {
	return credits.Reservation{}, errors.Join(credits.ErrUnavailable, ctx.Err())
}

// A caller who goes while the cost is being reserved says nothing of the
// ledger.
func TestS23CallerWhoGoesIsNoOutage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		gone func(context.Context) (context.Context, context.CancelFunc)
		logs int
	}{
		{"S23 hung up", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, 0},
		{"S23 out of time", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -1)
		}, 0},
		{"still there", context.WithCancel, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			outcome := charge.Outcome("")
			guard := charge.New(away{}, "op", charge.Fixed(1), charge.Config{
				Logger: slog.New(slog.NewTextHandler(&log, nil)), OnCharge: func(i charge.Info) { outcome = i.Outcome },
			})
			ctx, cancel := c.gone(client.WithUser(t.Context(), client.User{ID: "ada"}))
			defer cancel()
			_, denial := guard.Admit(httptest.NewRequestWithContext(ctx, "POST", "/", nil))
			if denial == nil || denial.Status != http.StatusServiceUnavailable || outcome != charge.Refused {
				t.Errorf("%+v, %s", denial, outcome)
			}
			if n := strings.Count(log.String(), "level=WARN"); n != c.logs {
				t.Errorf("%d warnings, want %d: %s", n, c.logs, &log)
			}
		})
	}
}

// answering is a ledger that answers every reservation with an error.
type answering struct {
	charge.Ledger
	err error
}

func (a answering) Reserve(context.Context, credits.ReserveParams) (credits.Reservation, error) {
	return credits.Reservation{}, a.err
}

// Why a request was refused is in the log of who turns on debug, each time.
func TestS27ReasonsAtDebug(t *testing.T) {
	t.Parallel()
	const secret = "caller's text"
	for _, c := range []struct {
		name   string
		err    error
		cost   error
		key    string
		status int
		says   string
	}{
		{"S27 too few", &credits.InsufficientError{Required: 2, Available: 1}, nil, "", 402, "2 required, 1 available"},
		{"S27 a copy", credits.ErrKeyReused, nil, "k", 409, "idempotency key was used"},
		{"S27 a bad key", nil, nil, secret, 400, "visible characters"},
		{"S27 no cost", nil, credits.ErrInvalid, "", 400, "no cost"},
		{"S27 an outage", credits.ErrUnavailable, nil, "", 503, "unavailable"},
		{"S27 a service key that is not taken", credits.ErrForbidden, nil, "", 500, "forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			guard := charge.New(answering{err: c.err}, "op", func(*http.Request) (int64, error) { return 2, c.cost }, charge.Config{
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			for range 2 {
				r := httptest.NewRequestWithContext(client.WithUser(t.Context(), client.User{ID: "ada"}), "POST", "/", nil)
				if c.key != "" {
					r.Header.Set(charge.KeyHeader, c.key)
				}
				if _, denial := guard.Admit(r); denial == nil || denial.Status != c.status {
					t.Errorf("%+v, want status %d", denial, c.status)
				}
			}
			text := log.String()
			if strings.Count(text, "level=DEBUG") != 2 || strings.Count(text, c.says) < 2 || strings.Contains(text, secret) {
				t.Errorf("log: %s\nwant the reason %q twice at debug", text, c.says)
			}
		})
	}
}
