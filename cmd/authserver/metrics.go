package main

import (
	"net"
	"net/http"
	"net/netip"
)

const metricsPath = "/metrics"

// besides answers with metrics to programs on this machine, and with server
// everything else.
func besides(server, metrics http.Handler) http.Handler {
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

// fromHere says whether a program on this machine has sent the request, for
// itself: not a proxy for a stranger, which says for whom it asks or keeps the
// name that it was asked for, and not a browser that a stranger's page has sent
// to a name of the stranger's.
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
