package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/examples/internal/serve"
)

// servers are an auth server and a backend that trusts it, on free ports of the
// loopback interface, with their files in a temporary directory.
type servers struct {
	authURL, backendURL string
	closers             []func() error // in the order opened
}

// start starts both; backend makes the backend's handler. The caller closes
// what it gets.
func start(ctx context.Context, log *slog.Logger, backend func(client.Verifier) http.Handler) (_ *servers, err error) {
	s := &servers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	dir, err := os.MkdirTemp("", "manacore-quickstart-")
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })

	server, err := authserver.Open(ctx, authserver.Config{
		Database: authserver.Database{SQLitePath: filepath.Join(dir, "manacore.db")},
		Logger:   log.With("server", "auth"),
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, server.Close)
	if s.authURL, err = s.serve(server.Handler()); err != nil {
		return nil, err
	}

	auth, err := client.New(client.Config{
		Issuers: []client.Issuer{{URL: s.authURL}},
		Logger:  log.With("server", "backend"),
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, auth.Close)
	if s.backendURL, err = s.serve(backend(auth)); err != nil {
		return nil, err
	}
	return s, nil
}

// serve answers on a free port until s is closed.
func (s *servers) serve(handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := serve.NewServer(handler)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	s.closers = append(s.closers, func() error {
		err := serve.Shutdown(server)
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	return "http://" + listener.Addr().String(), nil
}

// close ends everything, the last opened first, and removes the files.
func (s *servers) close() error {
	var errs []error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		errs = append(errs, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return errors.Join(errs...)
}
