package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// network is the issuer's place on the loopback interface, or in memory: the
// server that answers there, or none while connections are refused.
type network struct {
	tls    bool
	pipes  *pipes // nil: sockets
	url    string
	client *http.Client

	mu        sync.Mutex
	issuer    *Issuer
	port      *port              // nil with pipes
	server    *httptest.Server   // nil while refusing
	abandon   context.CancelFunc // ends the requests in hand
	untrusted *tls.Config
	elsewhere *httptest.Server // where Redirected points; nil until then
	closed    bool
}

func (n *network) open(i *Issuer) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.issuer = i
	if n.tls {
		var err error
		if n.untrusted, err = untrustedTLS(); err != nil {
			return err
		}
	}
	if n.pipes == nil {
		var err error
		if n.port, err = reservePort(); err != nil {
			return err
		}
	}
	listener, err := n.listen()
	if err != nil {
		n.release()
		return err
	}
	n.url = "http://" + listener.Addr().String()
	if n.tls {
		n.url = "https://" + listener.Addr().String()
	}
	n.serve(listener)
	transport := &http.Transport{}
	if n.pipes != nil {
		transport.DialContext = n.pipes.dial
	}
	if n.tls {
		roots := x509.NewCertPool()
		roots.AddCert(n.server.Certificate())
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	n.client = &http.Client{Transport: transport}
	return nil
}

// listen opens the issuer's place.
func (n *network) listen() (net.Listener, error) {
	if n.pipes != nil {
		return n.pipes.listen(pipeAddress), nil
	}
	return n.port.listen()
}

// listenElsewhere opens the place of another origin.
func (n *network) listenElsewhere() (net.Listener, error) {
	if n.pipes != nil {
		return n.pipes.listen(elsewhereAddress), nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// release gives the port back.
func (n *network) release() {
	if n.port != nil {
		_ = n.port.Close()
	}
}

// serve starts a server; the caller holds the lock.
func (n *network) serve(listener net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	n.abandon = cancel
	n.server = &httptest.Server{
		Listener: listener,
		Config: &http.Server{
			Handler:     n.issuer,
			BaseContext: func(net.Listener) context.Context { return ctx },
		},
	}
	if !n.tls {
		n.server.Start()
		return
	}
	// It would report every handshake that TLSError breaks.
	n.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	n.server.TLS = &tls.Config{GetConfigForClient: n.tlsConfig}
	n.server.StartTLS()
}

// tlsConfig picks the certificate at each handshake: nil is the good one.
func (n *network) tlsConfig(*tls.ClientHelloInfo) (*tls.Config, error) {
	if n.issuer.current().brokenTLS {
		return n.untrusted, nil
	}
	return nil, nil
}

// shut ends the server and everything in its hands; the caller holds the lock.
// The listener goes first, so that no client gets in again meanwhile.
func (n *network) shut() {
	if n.server == nil {
		return
	}
	n.server.Listener.Close()
	n.abandon()
	n.server.CloseClientConnections()
	n.server.Close()
	n.server = nil
}

// refuse closes the port.
func (n *network) refuse() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shut()
}

// accept opens the port again, if it is closed.
func (n *network) accept() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.server != nil {
		return nil
	}
	listener, err := n.listen()
	if err != nil {
		return err
	}
	n.serve(listener)
	return nil
}

// drop cuts every connection, so that the next request makes a new one.
func (n *network) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		n.server.CloseClientConnections()
	}
}

// redirectTarget is the base URL of another origin, which answers as the
// issuer would without a fault.
func (n *network) redirectTarget() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.elsewhere == nil {
		listener, err := n.listenElsewhere()
		if err != nil {
			n.issuer.fatalf("authtest: %v", err)
		}
		answer := func(w http.ResponseWriter, r *http.Request) {
			n.issuer.redirected.Add(1)
			n.issuer.answer(w, r)
		}
		n.elsewhere = &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(answer)}}
		n.elsewhere.Start()
	}
	return n.elsewhere.URL
}

func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	n.shut()
	n.release()
	if n.elsewhere != nil {
		n.elsewhere.CloseClientConnections()
		n.elsewhere.Close()
	}
	n.client.CloseIdleConnections()
}

// untrustedTLS has a certificate for the right host that nobody vouches for.
func untrustedTLS() (*tls.Config, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}, nil
}
