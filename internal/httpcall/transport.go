package httpcall

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// idlePerHost is how many idle connections are kept to one host. All calls
	// of a client go to one or two hosts, and the default of net/http is two:
	// every call beyond those at once would cost a handshake.
	idlePerHost = 64
	// An HTTP/2 connection on which nothing came for pingAfter is asked with a
	// ping whether it still works, and closed when no answer comes within
	// pingWithin. The deadline of a request ends its stream and leaves the
	// connection to the next request, so that without the ping a dead
	// connection would serve for as long as the system keeps it.
	pingAfter  = time.Second
	pingWithin = time.Second
)

// Client is a copy of given, or of the zero http.Client where that is nil, that
// follows no redirect: what a call sends must not go, and what it fetches must
// not come from, where the configuration does not point. The transport is a copy
// too, of given's or of http.DefaultTransport, with what tune adds. A transport
// of another type than *http.Transport, such as one that traces, is used as it
// is, and so are its proxies. close closes the idle connections of a transport
// that was copied.
func Client(given *http.Client) (client *http.Client, close func()) {
	client = new(http.Client)
	if given != nil {
		*client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	standard, ok := base.(*http.Transport)
	if !ok {
		client.Transport = base
		return client, func() {}
	}
	own := standard.Clone()
	tune(own)
	client.Transport = own
	return client, own.CloseIdleConnections
}

// tune gives a transport what it does not set itself: idlePerHost connections,
// and pings that find a dead HTTP/2 connection within two seconds. It takes its
// proxy away for plain http: a proxy reads, and can change, whatever passes it
// there.
func tune(transport *http.Transport) {
	transport.MaxIdleConnsPerHost = cmp.Or(transport.MaxIdleConnsPerHost, idlePerHost)
	pings := http.HTTP2Config{}
	if transport.HTTP2 != nil {
		pings = *transport.HTTP2
	}
	pings.SendPingTimeout = cmp.Or(pings.SendPingTimeout, pingAfter)
	pings.PingTimeout = cmp.Or(pings.PingTimeout, pingWithin)
	transport.HTTP2 = &pings
	if proxy := transport.Proxy; proxy != nil {
		transport.Proxy = func(req *http.Request) (*url.URL, error) {
			if req.URL.Scheme != "https" {
				return nil, nil
			}
			return proxy(req)
		}
	}
	if transport.OnProxyConnectResponse == nil {
		transport.OnProxyConnectResponse = refusedByProxy
	}
}

func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return proxyError(answer.StatusCode)
	}
	return nil
}

// proxyError is the status with which a proxy refused to connect.
type proxyError int

func (e proxyError) Error() string {
	if e == http.StatusProxyAuthRequired {
		return "the proxy wants credentials (407): HTTPS_PROXY names it"
	}
	return fmt.Sprintf("the proxy refused to connect, with status %d: HTTPS_PROXY names it", int(e))
}
