package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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
	log := slog.New(slog.NewTextHandler(p.errs, nil))
	// First the ports: where one is taken, the database is not touched.
	listener, err := listen(p.ctx, ":"+strconv.Itoa(s.port))
	if err != nil {
		return err
	}
	log.Info("listening", "addr", reachable(listener.Addr()))
	var forMetrics net.Listener // nil: none of their own
	if s.metrics != "" && s.metrics != metricsOff {
		if forMetrics, err = listen(p.ctx, s.metrics); err != nil {
			return errors.Join(fmt.Errorf("METRICS_ADDR: %w", err), listener.Close())
		}
		log.Info("listening for metrics", "addr", reachable(forMetrics.Addr()))
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
	if s.metrics == "" {
		handler = besides(handler, server.Metrics())
	}
	failed := make(chan error, 2)
	servers := []*http.Server{start(listener, handler, log, failed)}
	if forMetrics != nil {
		servers = append(servers, start(forMetrics, alone(server.Metrics()), log, failed))
	}
	select {
	case err = <-failed:
	case <-p.ctx.Done():
		log.Info("shutting down")
	}
	return errors.Join(err, shutDown(p.ctx, servers))
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

func closeAll(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// start serves; what ends it goes to failed.
func start(listener net.Listener, handler http.Handler, log *slog.Logger, failed chan<- error) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second, // a login may wait for its turn to hash
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
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

// reachable is an address that a client on this machine can call.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
