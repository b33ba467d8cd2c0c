package authserver

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/manacore/manacore-go/internal/wire"
)

// scrape are the samples of the metrics, by name and labels.
func (h *harness) scrape() map[string]string {
	h.Helper()
	w := httptest.NewRecorder()
	h.server.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		h.Fatalf("%d %v", w.Code, w.Header())
	}
	samples := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		if at := strings.LastIndexByte(line, ' '); line[0] != '#' && at > 0 {
			samples[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return samples
}

func (h *harness) sampled(want map[string]string) {
	h.Helper()
	samples := h.scrape()
	for name, value := range want {
		if got := samples[name]; got != value {
			h.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := serverFor(t, func(c *Config) {
		c.HTTP.RateLimitsDisabled, c.HTTP.RateLimits.Register = false, Limit{1, time.Hour}
	})
	h.sampled(map[string]string{
		`authserver_validations_total{verdict="valid"}`:  "0",
		`authserver_store_errors_total{part="requests"}`: "0",
		`authserver_sessions_live`:                       "0",
		`authserver_signing_key_age_seconds`:             "0",
		`authserver_hashing_working`:                     "0",
		`authserver_hashing_waiting`:                     "0",
		`authserver_hashing_refused_total`:               "0",
	})
	h.register("ann")
	h.post(wire.RegisterPath, object{"email": "bob@example.com", "password": goodPassword, "name": "Bob"})
	first := h.login("ann")
	h.valid(first.AccessToken, "")
	h.valid("x", wire.ValidateInvalidPrefix+"malformed")
	second := h.refreshed(first.RefreshToken)
	h.clock.Advance(time.Hour)
	h.valid(second.AccessToken, wire.ValidateExpired)
	h.refresh(first.RefreshToken) // theft
	const stranger = "/api/v1/strange-7f3a"
	h.do("GET", stranger, "")
	h.do("PROPFIND", wire.LoginPath+"?strange-7f3a", "", "X-Strange", "strange-7f3a")
	h.do("GET", "//"+stranger, "")
	want := map[string]string{
		`authserver_http_requests_total{route="POST /api/v1/auth/register",status="201"}`:    "1",
		`authserver_http_requests_total{route="POST /api/v1/auth/register",status="429"}`:    "1",
		`authserver_http_requests_total{route="POST /api/v1/auth/refresh",status="401"}`:     "1",
		`authserver_http_requests_total{route="unknown",status="404"}`:                       "3",
		`authserver_http_request_duration_seconds_count{route="POST /api/v1/auth/validate"}`: "3",
		`authserver_validations_total{verdict="valid"}`:                                      "1",
		`authserver_validations_total{verdict="invalid"}`:                                    "1",
		`authserver_validations_total{verdict="expired"}`:                                    "1",
		`authserver_rate_limited_total{limit="register"}`:                                    "1",
		`authserver_security_events_total{type="refresh_token_reuse"}`:                       "1",
		`authserver_signing_key_age_seconds`:                                                 "3600",
		`authserver_sessions_live`:                                                           "1", // the login's was revoked
	}
	h.sampled(want)
	for name := range h.scrape() {
		for _, strange := range []string{"strange", "PROPFIND", "example.com", "127.0.0.1", first.AccessToken} {
			if strings.Contains(name, strange) {
				t.Errorf("a caller wrote %s", name)
			}
		}
	}
	if a := h.do("GET", "/metrics", ""); a.status != 404 {
		t.Errorf("the server's own routes answer /metrics with %d", a.status)
	}

	// A count serves for a minute, also when it failed.
	if err := h.server.store.Close(); err != nil {
		t.Fatal(err)
	}
	h.sampled(map[string]string{`authserver_sessions_live`: "1", `authserver_store_errors_total{part="session_count"}`: "0"})
	h.clock.Advance(countFresh)
	h.do("GET", "/health/ready", "")
	h.refresh(first.RefreshToken)
	for range 2 { // collectors run beside each other: the second scrape has it
		h.scrape()
	}
	h.sampled(map[string]string{
		`authserver_sessions_live`:                            "NaN",
		`authserver_store_errors_total{part="session_count"}`: "1",
		`authserver_store_errors_total{part="health"}`:        "1",
		`authserver_store_errors_total{part="requests"}`:      "1",
	})
}
