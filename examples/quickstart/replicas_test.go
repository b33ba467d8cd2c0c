package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/client"
	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// TestReplicas plays the story against three auth servers on one PostgreSQL,
// each request on another one.
func TestReplicas(t *testing.T) {
	database := pgtest.New(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	robin := &roundRobin{transport: transport}
	for range 3 {
		server, err := authserver.Open(t.Context(), authserver.Config{
			Database: authserver.Database{URL: database}, Keys: authserver.Keys{EncryptionKey: make([]byte, 32)}, Logger: silent,
		})
		if err != nil {
			t.Fatal(err)
		}
		front := httptest.NewServer(server.Handler())
		t.Cleanup(func() {
			front.Close()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
		robin.add(t, front.URL)
	}
	front := httptest.NewServer(robin)
	t.Cleanup(front.Close)

	auth, err := client.New(client.Config{
		Issuers: []client.Issuer{{URL: front.URL}},
		Mode:    client.ModeRemote,
		Logger:  silent,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close() })
	backend := httptest.NewServer(newBackend(auth))
	t.Cleanup(backend.Close)

	var transcript strings.Builder
	if err := tell(t.Context(), front.URL, backend.URL, &transcript); err != nil {
		t.Errorf("%v\n%s", err, &transcript)
	}
	for n := range robin.asked {
		if robin.asked[n].Load() < 4 {
			t.Errorf("replica %d answered %d requests", n, robin.asked[n].Load())
		}
	}
}

// roundRobin hands each request to the next replica. After a logout it waits
// until every replica knows, which may take a second.
type roundRobin struct {
	transport http.RoundTripper
	replicas  []*httputil.ReverseProxy
	urls      []string
	asked     [3]atomic.Int64
	next      atomic.Int64
	token     atomic.Pointer[string] // the last one that was asked about
}

func (p *roundRobin) add(t *testing.T, replica string) {
	target, err := url.Parse(replica)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: p.transport,
	}
	p.replicas, p.urls = append(p.replicas, proxy), append(p.urls, replica)
}

func (p *roundRobin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(p.next.Add(1)) % len(p.replicas)
	p.asked[n].Add(1)
	if r.URL.Path == wire.ValidatePath {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		asked := string(body)
		p.token.Store(&asked)
		r.Body = io.NopCloser(strings.NewReader(asked))
	}
	p.replicas[n].ServeHTTP(w, r)
	if r.URL.Path == wire.LogoutPath {
		for _, replica := range p.urls {
			for p.valid(r, replica) {
			}
		}
	}
}

// valid asks one replica about the last token.
func (p *roundRobin) valid(r *http.Request, replica string) bool {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, replica+wire.ValidatePath, strings.NewReader(*p.token.Load()))
	if err != nil {
		return false
	}
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return err == nil && strings.Contains(string(body), `"valid":true`)
}
