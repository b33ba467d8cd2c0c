package fault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// What a call to the auth server can come to before there is an answer.
var (
	errTimeout = New(ErrUnavailable, "timed out")
	errHost    = New(ErrUnavailable, "the host name can't be resolved")
	errRefused = New(ErrUnavailable, "connection refused")
	errTrust   = New(ErrUnavailable, "the TLS certificate is not trusted")
	errTLS     = New(ErrUnavailable, "TLS failed")
	errBroken  = New(ErrUnavailable, "the connection broke")
	errEnded   = New(ErrUnavailable, "the client was closed")
	errNetwork = New(ErrUnavailable, "no HTTP answer")
)

// Network puts an error of net/http into fixed words. Its own quote what the
// peer sent, and a peer may send a token back (attack 162).
func Network(err error) error {
	var (
		timeout interface{ Timeout() bool }
		dns     *net.DNSError
		trust   *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return errEnded
	case errors.As(err, &trust):
		return errTrust
	case errors.As(err, &dns):
		return errHost
	case errors.As(err, &timeout) && timeout.Timeout():
		return errTimeout
	case errors.As(err, &record), errors.As(err, &alert):
		return errTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBroken
	}
	return errNetwork
}

// Unavailable is err as an ErrUnavailable.
func Unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
