// Package httpcall holds what the SDK's calls to its servers share: which
// client they go through, how a fault of the network is put into words, how an
// answer is bounded, and when a breaker stops them.
package httpcall

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
)

// Client is a copy of given that follows no redirect: what a call sends or
// fetches must not go to, or come from, where the configuration does not
// point. nil makes one with a transport of its own.
func Client(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	} else if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		own.Transport = transport.Clone()
	} // else the program has put its own in that place, and it is used as it is
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// CheckBaseURL refuses a URL with a password, since URLs get into logs, and
// keeps it out of the error.
func CheckBaseURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be http(s)://host[:port][/path], without user or password")
	}
	return nil
}

// ErrTooLarge is ReadBody's where the answer is over the limit.
var ErrTooLarge = errors.New("the answer is too large")

// ReadBody reads an answer of at most limit bytes. The error is Cause's or
// ErrTooLarge.
func ReadBody(body io.Reader, limit int64) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, Cause(err)
	}
	if int64(len(answer)) > limit {
		return nil, ErrTooLarge
	}
	return answer, nil
}

// What a call can come to before there is an answer.
var (
	errTimeout = errors.New("timed out")
	errHost    = errors.New("the host name can't be resolved")
	errRefused = errors.New("connection refused")
	errTrust   = errors.New("the TLS certificate is not trusted")
	errTLS     = errors.New("TLS failed")
	errBroken  = errors.New("the connection broke")
	errEnded   = errors.New("the call was ended")
	errNetwork = errors.New("no HTTP answer")
)

// Cause puts an error of net/http into fixed words. Its own quote what the
// peer sent, and a peer may send a secret back (attack 162).
func Cause(err error) error {
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
