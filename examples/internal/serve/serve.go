// Package serve runs the HTTP server of an example as a deployed backend needs
// it: with time limits, and with an end that lets requests finish.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// grace is how long requests under way may take once the server is to end.
const grace = 10 * time.Second

// Until serves handler on a port of every interface until ctx ends; port "0"
// takes a free one. The first log line names the address. Requests under way
// then have ten seconds to finish.
func Until(ctx context.Context, port string, handler http.Handler) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	slog.Info("listening", "address", listener.Addr().String())
	server := NewServer(handler)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return Shutdown(server)
}

// NewServer bounds what one connection may cost. Headers have the limit of
// net/http: above 1 MiB it answers 431 by itself, before any guard.
func NewServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
}

// Shutdown ends a server. Requests that take more than ten seconds are cut
// off, which is the error.
func Shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
