// Package meter counts what a server does, and shows it to Prometheus. No label
// comes from a caller: a route is named by its pattern.
package meter

import (
	"cmp"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/internal/recovery"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	namespace = "authserver"
	// maxScrapes is how many callers may read the metrics at once. The next one
	// gets a 503.
	maxScrapes = 4
	scrapeTime = 10 * time.Second
)

// durationBuckets, in seconds, tell a validation, which takes well under a
// millisecond, from a login, which takes tens of them and may wait for its
// turn.
var durationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// The verdicts of a validation.
const (
	VerdictValid   = "valid"
	VerdictExpired = "expired"
	VerdictInvalid = "invalid" // not a token of this server, or its session or user is gone
)

// The parts of the server whose questions to the database may fail.
const (
	PartRequests    = "requests"
	PartHealth      = "health"
	PartSessions    = "session_count"
	PartKeys        = "keys"
	PartRevocations = "revocations"
	PartRetention   = "retention"
)

// Meter counts, in a registry of its own. It is safe for concurrent use. A nil
// *Meter counts nothing.
type Meter struct {
	log         *slog.Logger
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	validations *prometheus.CounterVec
	limited     *prometheus.CounterVec
	storeErrors *prometheus.CounterVec
	events      *prometheus.CounterVec
	purged      prometheus.Counter
}

// New makes a meter. The log gets an error for each gauge that panics. Nil
// means slog.Default().
func New(log *slog.Logger) *Meter {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &Meter{
		log:      cmp.Or(log, slog.Default()),
		registry: prometheus.NewRegistry(),
		requests: counter("http_requests_total", "Requests answered, by the pattern of the route and the status.", "route", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_duration_seconds",
			Help: "Time to answer a request, by the pattern of the route.", Buckets: durationBuckets,
		}, []string{"route"}),
		validations: counter("validations_total", "Verdicts of /validate.", "verdict"),
		limited:     counter("rate_limited_total", "Requests refused by a rate limit, by the limit.", "limit"),
		storeErrors: counter("store_errors_total", "Operations that the database did not answer, by the part of the server that asked.", "part"),
		events:      counter("security_events_total", "Security events that an operator wants to see, by type.", "type"),
		purged: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "sessions_purged_total", Help: "Sessions deleted because they ended long ago.",
		}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.validations, m.limited, m.storeErrors, m.events, m.purged,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Each series exists before its first event, so that an alerting rule sees
	// it rise.
	for _, verdict := range []string{VerdictValid, VerdictExpired, VerdictInvalid} {
		m.validations.WithLabelValues(verdict)
	}
	for _, part := range []string{PartRequests, PartHealth, PartSessions, PartKeys, PartRevocations, PartRetention} {
		m.storeErrors.WithLabelValues(part)
	}
	return m
}

// Request counts an answered request. pattern is that of the route; an empty
// one, or the one for everything else, is counted as unknown. status is 0 for
// an answer that was broken off.
func (m *Meter) Request(pattern string, status int) {
	if m != nil {
		m.requests.WithLabelValues(counted(pattern), strconv.Itoa(status)).Inc()
	}
}

// Took measures how long a request took, of a route whose answers end by
// themselves.
func (m *Meter) Took(pattern string, took time.Duration) {
	if m != nil {
		m.durations.WithLabelValues(counted(pattern)).Observe(took.Seconds())
	}
}

func counted(pattern string) string {
	if pattern == "" || pattern == "/" {
		return "unknown"
	}
	return pattern
}

// Verdict counts a validation by its verdict.
func (m *Meter) Verdict(verdict string) {
	if m != nil {
		m.validations.WithLabelValues(verdict).Inc()
	}
}

// RateLimited counts a request that a rate limit refused.
func (m *Meter) RateLimited(limit string) {
	if m != nil {
		m.limited.WithLabelValues(limit).Inc()
	}
}

// StoreError counts a question of a part that the database did not answer.
func (m *Meter) StoreError(part string) {
	if m != nil {
		m.storeErrors.WithLabelValues(part).Inc()
	}
}

// Event counts a security event; kind is one of the types of store.Event.
func (m *Meter) Event(kind string) {
	if m != nil {
		m.events.WithLabelValues(kind).Inc()
	}
}

// SessionsPurged counts sessions that this server deleted.
func (m *Meter) SessionsPurged(n int) {
	if m != nil {
		m.purged.Add(float64(n))
	}
}

// Gauge shows a value that is read at each scrape. It is NaN where reading it
// panics.
func (m *Meter) Gauge(name, help string, read func() float64) {
	if m != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: name, Help: help,
		}, m.protected(name, read)))
	}
}

// Counter is Gauge for a count that another part keeps.
func (m *Meter) Counter(name, help string, read func() float64) {
	if m != nil {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: name, Help: help,
		}, m.protected(name, read)))
	}
}

// protected makes read return NaN where it panics. The registry reads on
// goroutines of its own, where a panic would end the process.
func (m *Meter) protected(name string, read func() float64) func() float64 {
	return func() (value float64) {
		defer func() {
			if reason := recover(); reason != nil {
				value = math.NaN()
				m.log.Error("a metric could not be read: it panicked", "metric", name, "panic", recovery.Text(reason), "stack", string(debug.Stack()))
			}
		}()
		return read()
	}
}

// Handler answers with everything in the exposition format of Prometheus. A nil
// Meter answers with 404.
func (m *Meter) Handler() http.Handler {
	if m == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTime,
	})
}
