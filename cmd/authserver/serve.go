package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/manacore/manacore-go/authserver"
)

// shutdownTime is how long requests under way may take to end.
const shutdownTime = 10 * time.Second

type serveCommand struct{}

// Run serves until the context ends or the server fails.
func (*serveCommand) Run(p *program) (err error) {
	s, err := p.settings()
	if err != nil {
		return err
	}
	log := p.log()
	// The ports are opened first, so that the database is not touched where one is
	// in use.
	listener, err := listenOn(p.ctx, s)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", listener.Addr().String())
	var forMetrics net.Listener // nil: none of their own
	if s.metrics != "" && s.metrics != metricsOff {
		if forMetrics, err = listen(p.ctx, "tcp", s.metrics); err != nil {
			return errors.Join(fmt.Errorf("METRICS_ADDR: %w", err), listener.Close())
		}
		log.Info("listening for metrics", "addr", forMetrics.Addr().String())
	}

	if len(s.server.HTTP.CORSOrigins) == 0 {
		log.Warn("CORS_ORIGINS names no origin: no web app on another origin can call this server")
	}
	s.server.Logger = log
	server, err := authserver.Open(p.ctx, s.server)
	if err != nil {
		return errors.Join(err, listener.Close(), closeAll(forMetrics))
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	handler := server.Handler()
	switch {
	case s.metricsOnPort():
		handler = withMetrics(handler, server.Metrics())
	case s.metrics == "":
		log.Info("metrics are off, because other machines or proxies may reach PORT; METRICS_ADDR says where to serve them")
	}
	ending := make(chan struct{})
	handler = closing(ending, handler)
	failed := make(chan error, 2)
	most, perAddress := s.bounds()
	bounded := newConnections(listener, most, perAddress, s.server.HTTP.TrustedProxies)
	servers := []*http.Server{start(bounded, handler, log, failed)}
	servers[0].RegisterOnShutdown(server.EndStreams)
	if forMetrics != nil {
		servers = append(servers, start(newConnections(forMetrics, otherFiles/4, otherFiles/4, nil), alone(server.Metrics()), log, failed))
	}
	select {
	case err = <-failed:
	case <-p.ctx.Done():
		log.Info("shutting down", "drain_ms", s.drain.Milliseconds())
		close(ending)
		server.Drain()
		err = wait(s.drain, failed)
	}
	return errors.Join(err, shutDown(p.ctx, servers))
}

// listenOn opens the port of the server.
func listenOn(ctx context.Context, s settings) (net.Listener, error) {
	port := strconv.Itoa(s.port)
	switch addr, err := netip.ParseAddr(s.listen); {
	case err == nil && addr == netip.IPv6Unspecified():
		return listen(ctx, "tcp", ":"+port) // also on a machine without IPv6
	case err == nil && addr.Is4():
		return listen(ctx, "tcp4", net.JoinHostPort(s.listen, port)) // 0.0.0.0 would mean IPv6 too
	}
	return listen(ctx, "tcp", net.JoinHostPort(s.listen, port))
}

// wait waits for d, so that load balancers see that the server is not ready. It
// returns early with the error of a server that failed.
func wait(d time.Duration, failed <-chan error) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case err := <-failed:
		return err
	case <-over.C:
		return nil
	}
}

// closing is handler until ending is closed. From then on every answer closes
// its connection, so that clients who keep connections open go to another
// server and lose no request on one that is about to be closed.
func closing(ending <-chan struct{}, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ending:
			w.Header().Set("Connection", "close")
		default:
		}
		handler.ServeHTTP(w, r)
	})
}

func listen(ctx context.Context, network, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, network, addr)
}

func closeAll(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// start serves on a goroutine of its own, and sends the error that ends it to
// failed.
func start(listener *connections, handler http.Handler, log *slog.Logger, failed chan<- error) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second, // a login may wait for its turn to hash
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ConnState:         listener.changed,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() { failed <- server.Serve(listener) }()
	return server
}

// shutDown lets requests under way end.
func shutDown(ctx context.Context, servers []*http.Server) (err error) {
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	for _, server := range servers {
		if cut := server.Shutdown(deadline); cut != nil {
			err = errors.Join(err, fmt.Errorf("requests cut off: %w", cut), server.Close())
		}
	}
	return err
}
