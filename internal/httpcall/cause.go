package httpcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"syscall"
)

// These are the things that a call can come to before there is an answer.
var (
	errTimeout   = errors.New("timed out")
	errHost      = errors.New("the host name can't be resolved")
	errRefused   = errors.New("connection refused: nothing listens at that host and port")
	errRoute     = errors.New("no route to the host")
	errFiles     = errors.New("this process has no file descriptor left for a connection: raise its limit (nofile)")
	errPorts     = errors.New("this machine has no local port left for a connection")
	errPlain     = errors.New("the server speaks plain http: is https a mistake in the URL?")
	errExpired   = errors.New("the server's TLS certificate is expired or not yet valid, or this machine's clock is wrong")
	errName      = errors.New("the server's TLS certificate is for another host name")
	errAuthority = errors.New("the server's TLS certificate is signed by an authority that this machine does not know")
	errTrust     = errors.New("the server's TLS certificate is not accepted")
	errOwnCert   = errors.New("the server wants a TLS certificate from its clients, or does not accept the one it got: HTTPClient can bring one")
	errHandshake = errors.New("the server ended the TLS handshake: it wants another version of TLS, other ciphers, or a certificate from its clients")
	errTLS       = errors.New("TLS failed")
	errBroken    = errors.New("the connection broke")
	errEnded     = errors.New("the call was ended")
	errNetwork   = errors.New("no HTTP answer")
)

// Cause puts an error of net/http into fixed words. Its own quote what the
// peer sent, and a peer may send a secret back (attack 162).
func Cause(err error) error {
	var proxy proxyError
	switch {
	case errors.Is(err, context.Canceled):
		return errEnded
	case errors.As(err, &proxy):
		return proxy
	}
	for _, of := range [...]func(error) error{certificateCause, tlsCause, systemCause} {
		if cause := of(err); cause != nil {
			return cause
		}
	}
	return errNetwork
}

// certificateCause is for a certificate that is not accepted here; nil for
// another fault.
func certificateCause(err error) error {
	var (
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		roots     x509.SystemRootsError
		invalid   x509.CertificateInvalidError
		trust     *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &name):
		return errName
	case errors.As(err, &authority), errors.As(err, &roots):
		return errAuthority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errExpired
	case errors.As(err, &invalid), errors.As(err, &trust):
		return errTrust
	}
	return nil
}

// tlsCause is for other faults of TLS; nil where there is none.
func tlsCause(err error) error {
	var (
		record tls.RecordHeaderError
		alert  tls.AlertError
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return errPlain
	case errors.As(err, &record) && string(record.RecordHeader[:]) == "HTTP/":
		return errPlain
	case errors.As(err, &record):
		return errTLS
	case errors.As(err, &alert):
		return alertCause(uint64(alert))
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		// crypto/tls reports an alert of the peer so, as a number of an
		// unexported type.
		if code := reflect.ValueOf(remote.Err); code.IsValid() && code.CanUint() {
			return alertCause(code.Uint())
		}
		return errTLS
	}
	return nil
}

// alertCause reads the description of an alert (RFC 8446 section 6).
func alertCause(description uint64) error {
	switch description {
	case 42, 43, 44, 45, 46, 48, 116: // from bad_certificate to certificate_unknown, unknown_ca, certificate_required
		return errOwnCert
	case 40, 70, 71: // handshake_failure, protocol_version, insufficient_security
		return errHandshake
	}
	return errTLS
}

// systemCause is for what the system says of a connection; nil where it says
// nothing.
func systemCause(err error) error {
	var (
		timeout interface{ Timeout() bool }
		dns     *net.DNSError
	)
	switch {
	case isAny(err, noFiles): // looking a name up needs a descriptor too
		return errFiles
	case errors.As(err, &dns) && !dns.IsTimeout:
		return errHost
	case isAny(err, noRoute):
		return errRoute
	case errors.As(err, &timeout) && timeout.Timeout():
		return errTimeout
	case isAny(err, noPort):
		return errPorts
	case isAny(err, refused):
		return errRefused
	case isAny(err, broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errBroken
	}
	return nil
}

func isAny(err error, numbers []syscall.Errno) bool {
	for _, number := range numbers {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}
