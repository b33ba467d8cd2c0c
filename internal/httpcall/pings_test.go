package httpcall

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network in memory, whose connections can all be made to swallow what
// is sent through them without a word.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}

	mu   sync.Mutex
	open []*pipe
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	conn := &pipe{Conn: ours}
	p.mu.Lock()
	p.open = append(p.open, conn)
	p.mu.Unlock()
	p.conns <- theirs
	return conn, nil
}

func (p *pipes) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.open {
		conn.dead.Store(true)
	}
}

type pipe struct {
	net.Conn
	dead atomic.Bool
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.dead.Load() {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// S3: over HTTP/2 the deadline of a call ends its stream and not the connection.
// One that has died without a word is found by a ping, and the next call takes
// another.
func TestS3DeadHTTP2ConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		var h2 http.Protocols
		h2.SetUnencryptedHTTP2(true)
		server := &http.Server{Protocols: &h2, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "true")
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(network) }()
		client, closeIdle := Client(&http.Client{
			Timeout:   300 * time.Millisecond,
			Transport: &http.Transport{Protocols: &h2, DialContext: network.dial},
		})
		call := func() error {
			resp, err := client.Get("http://auth.test/")
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		network.swallow()
		start, calls := time.Now(), 0
		for call() != nil {
			if calls++; calls > 100 {
				break
			}
		}
		if down := time.Since(start); calls == 0 || down > pingAfter+pingWithin+time.Second {
			t.Errorf("back after %v and %d calls", down, calls)
		}
		closeIdle()
		server.Close()
		<-served
	})
}
