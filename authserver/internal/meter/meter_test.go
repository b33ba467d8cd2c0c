package meter_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/manacore/manacore-go/authserver/internal/meter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(os.Exit)) }

// use calls every method that counts.
func use(m *meter.Meter) {
	m.Request("GET /a", 200)
	m.Took("GET /a", 20*time.Millisecond)
	m.Request("", 404)
	m.Took("", 0)
	m.Request("/", 404)
	m.Took("/", 0)
	m.Verdict(meter.VerdictExpired)
	m.RateLimited("login")
	m.StoreError(meter.PartKeys)
	m.Event("refresh_token_reuse")
	m.SessionsPurged(3)
	m.Gauge("level", "A level.", func() float64 { return 1.5 })
	m.Counter("kept_total", "A count.", func() float64 { return 2 })
}

func scrape(m *meter.Meter) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w
}

func TestMeter(t *testing.T) {
	t.Parallel()
	m := meter.New(nil)
	use(m)
	w := scrape(m)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	for _, want := range []string{
		`authserver_http_requests_total{route="GET /a",status="200"} 1`,
		`authserver_http_requests_total{route="unknown",status="404"} 2`,
		`authserver_http_request_duration_seconds_bucket{route="GET /a",le="0.01"} 0`,
		`authserver_http_request_duration_seconds_bucket{route="GET /a",le="0.025"} 1`,
		`authserver_validations_total{verdict="expired"} 1`,
		`authserver_validations_total{verdict="valid"} 0`,
		`authserver_rate_limited_total{limit="login"} 1`,
		`authserver_store_errors_total{part="keys"} 1`,
		`authserver_store_errors_total{part="session_count"} 0`,
		`authserver_security_events_total{type="refresh_token_reuse"} 1`,
		`authserver_sessions_purged_total 3`,
		`authserver_level 1.5`,
		`authserver_kept_total 2`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
}

// TestNoMeter: a part that was given none counts nothing and is none the worse.
func TestNoMeter(t *testing.T) {
	t.Parallel()
	use(nil)
	if w := scrape(nil); w.Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

// O21: a gauge that panics is NaN and one error in the log with the stack; the
// others are shown.
func TestO21PanicInGauge(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := meter.New(slog.New(slog.NewTextHandler(&log, nil)))
	m.Gauge("broken", "A gauge.", func() float64 { panic("out of order") })
	m.Gauge("whole", "Another.", func() float64 { return 1 })
	body := scrape(m).Body.String()
	for _, want := range []string{"\nauthserver_broken NaN\n", "\nauthserver_whole 1\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "metric=broken") || !strings.Contains(text, "meter_test.TestO21PanicInGauge") {
		t.Errorf("the log:\n%s", text)
	}
}
