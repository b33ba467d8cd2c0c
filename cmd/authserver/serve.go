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

// serve runs the server until ctx ends or it fails.
func serve(ctx context.Context, s settings, log *slog.Logger) (err error) {
	// First the port: where it is taken, the database is not touched.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+strconv.Itoa(s.port))
	if err != nil {
		return err
	}
	log.Info("listening", "addr", reachable(listener.Addr()))

	s.server.Logger = log
	server, err := authserver.Open(ctx, s.server)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	httpServer := &http.Server{
		Handler:           server.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second, // a login may wait for its turn to hash
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := httpServer.Shutdown(deadline); err != nil {
		return errors.Join(fmt.Errorf("requests cut off: %w", err), httpServer.Close())
	}
	return nil
}

// reachable is an address that a client on this machine can call.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}
