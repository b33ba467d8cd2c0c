package httpcall

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fails is the cause of a GET that must not come to an answer.
func fails(t *testing.T, target string, edit func(*http.Transport)) error {
	t.Helper()
	transport := &http.Transport{}
	if edit != nil {
		edit(transport)
	}
	client, closeIdle := Client(&http.Client{Transport: transport})
	defer closeIdle()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("%s answered with status %d", target, resp.StatusCode)
	}
	return Cause(err)
}

func quietTLS(t *testing.T, edit func(*tls.Config)) *httptest.Server {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = new(tls.Config)
	if edit != nil {
		edit(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func trusting(server *httptest.Server, edit func(*tls.Config)) func(*http.Transport) {
	return func(transport *http.Transport) {
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		if edit != nil {
			edit(transport.TLSClientConfig)
		}
	}
}

// S22: what keeps a call from its answer is named by its class.
func TestS22CausesOfServers(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := quietTLS(t, nil)
	mutual := quietTLS(t, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	reset := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(reset.Close)
	for name, c := range map[string]struct {
		url  string
		edit func(*http.Transport)
		want error
	}{
		"https to a plain port":  {strings.Replace(plain.URL, "http:", "https:", 1), nil, errPlain},
		"an unknown authority":   {secure.URL, nil, errAuthority},
		"another host's name":    {secure.URL, trusting(secure, func(c *tls.Config) { c.ServerName = "auth.test" }), errName},
		"an expired certificate": {secure.URL, trusting(secure, func(c *tls.Config) { c.Time = func() time.Time { return time.Unix(1<<40, 0) } }), errExpired},
		"a certificate is asked": {mutual.URL, trusting(mutual, nil), errOwnCert},
		"one of TLS 1.2":         {mutual.URL, trusting(mutual, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), errHandshake},
		"no common version":      {secure.URL, trusting(secure, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS11 }), errHandshake},
		"the proxy says 407":     {secure.URL, func(tr *http.Transport) { tr.Proxy = http.ProxyURL(proxyURL) }, proxyError(407)},
		"the connection breaks":  {reset.URL, nil, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := fails(t, c.url, c.edit); !errors.Is(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestS22CausesOfTheSystem(t *testing.T) {
	t.Parallel()
	dial := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://auth.test", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}}
	}
	for name, c := range map[string]struct{ err, want error }{
		"refused":             {dial(syscall.ECONNREFUSED), errRefused},
		"no route":            {dial(syscall.EHOSTUNREACH), errRoute},
		"no network":          {dial(syscall.ENETUNREACH), errRoute},
		"no descriptor":       {dial(syscall.EMFILE), errFiles},
		"no descriptor there": {dial(syscall.ENFILE), errFiles},
		"no port":             {dial(syscall.EADDRNOTAVAIL), errPorts},
		"reset":               {dial(syscall.ECONNRESET), errBroken},
		"timed out by TCP":    {dial(syscall.ETIMEDOUT), errTimeout},
		"the name":            {&net.DNSError{Err: "no such host", IsNotFound: true}, errHost},
		"the name in time":    {&net.DNSError{Err: "timeout", IsTimeout: true}, errTimeout},
		"the deadline":        {context.DeadlineExceeded, errTimeout},
		"ended":               {context.Canceled, errEnded},
		"cut off":             {io.ErrUnexpectedEOF, errBroken},
		"another":             {errors.New("what the peer said"), errNetwork},
	} {
		if got := Cause(c.err); !errors.Is(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
