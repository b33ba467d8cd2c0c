package authserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/manacore/manacore-go/authserver/internal/web"
)

const (
	metricsNamespace = "authserver"
	// maxScrapes is how many callers may gather at once; the next gets a 503.
	maxScrapes = 4
	scrapeTime = 10 * time.Second
)

// durationBuckets, in seconds, tell a validation, which takes well under a
// millisecond, from a login, which takes tens of them and may wait for its
// turn.
var durationBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// The values of the labels verdict, limit and part.
const (
	verdictValid   = "valid"
	verdictExpired = "expired"
	verdictInvalid = "invalid" // not of ours, or its session or user is gone

	partRequests    = "requests"
	partHealth      = "health"
	partSessions    = "session_count"
	partKeys        = "keys"
	partRevocations = "revocations"
	partRetention   = "retention"
)

// metrics is what the server counts, in a registry of its own. No label comes
// from a caller: a route is named by its pattern. A nil *metrics counts
// nothing.
type metrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	validations *prometheus.CounterVec
	limited     *prometheus.CounterVec
	storeErrors *prometheus.CounterVec
	events      *prometheus.CounterVec
	purged      prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: metricsNamespace, Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("http_requests_total", "Requests answered, by the pattern of the route and the status.", "route", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: "http_request_duration_seconds",
			Help: "Time to answer a request, by the pattern of the route.", Buckets: durationBuckets,
		}, []string{"route"}),
		validations: counter("validations_total", "Verdicts of /validate.", "verdict"),
		limited:     counter("rate_limited_total", "Requests refused by a rate limit, by the limit.", "limit"),
		storeErrors: counter("store_errors_total", "Operations that the database did not answer, by the part of the server that asked.", "part"),
		events:      counter("security_events_total", "Security events that an operator wants to see, by type.", "type"),
		purged: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "sessions_purged_total", Help: "Sessions deleted because they ended long ago.",
		}),
	}
	m.registry.MustRegister(m.requests, m.durations, m.validations, m.limited, m.storeErrors, m.events, m.purged,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// A series is there before its first event, so that a rule sees the rise.
	for _, verdict := range []string{verdictValid, verdictExpired, verdictInvalid} {
		m.validations.WithLabelValues(verdict)
	}
	for _, part := range []string{partRequests, partHealth, partSessions, partKeys, partRevocations, partRetention} {
		m.storeErrors.WithLabelValues(part)
	}
	return m
}

// Request counts an answered request. pattern is that of the route; empty or
// that of everything else: none is known. status is 0 for an answer that was
// broken off.
func (m *metrics) Request(pattern string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if pattern == "" || pattern == "/" {
		pattern = "unknown"
	}
	m.requests.WithLabelValues(pattern, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(pattern).Observe(took.Seconds())
}

func (m *metrics) verdict(verdict string) {
	if m != nil {
		m.validations.WithLabelValues(verdict).Inc()
	}
}

// RateLimited counts a request that a rate limit refused.
func (m *metrics) RateLimited(limit string) {
	if m != nil {
		m.limited.WithLabelValues(limit).Inc()
	}
}

// StoreError counts what part asked and the database did not answer.
func (m *metrics) StoreError(part string) {
	if m != nil {
		m.storeErrors.WithLabelValues(part).Inc()
	}
}

// event counts a security event; kind is one of the types of store.Event.
func (m *metrics) event(kind string) {
	if m != nil {
		m.events.WithLabelValues(kind).Inc()
	}
}

// sessionsPurged counts sessions that this server deleted.
func (m *metrics) sessionsPurged(n int) {
	if m != nil {
		m.purged.Add(float64(n))
	}
}

// gauge is read at each scrape.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: metricsNamespace, Name: name, Help: help}, read))
}

// handler answers with everything in the exposition format of Prometheus.
func (m *metrics) handler() http.Handler {
	return web.Secure(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTime,
	}))
}
