package main

import (
	"net"
	"net/http"
	"net/netip"
)

const metricsPath = "/metrics"

// withMetrics serves the metrics to programs on this machine, and passes every
// other request on.
func withMetrics(server, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read := r.Method == http.MethodGet || r.Method == http.MethodHead
		if read && r.URL.Path == metricsPath && fromHere(r) {
			metrics.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r) // which has no such route
	})
}

// alone answers with metrics to everybody who reaches the listener that is for
// them.
func alone(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, metrics)
	return mux
}

// fromHere reports whether a program on this machine sent the request for itself.
// The headers of proxies rule out that it was forwarded for a stranger, and a Host
// that is not this machine's rules out that a browser was led here by a name of a
// stranger's (DNS rebinding).
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback() && isLoopback(r.Host)
}

func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || host == "[::1]" || err == nil && addr.IsLoopback()
}
