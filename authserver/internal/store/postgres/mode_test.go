package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// pooler stands between and gives sessions another process id, as poolers do. It
// keeps a session for each connection, so that it breaks nothing itself.
type pooler struct {
	url    string
	direct atomic.Bool // it gives the id of the database on
}

func newPooler(t *testing.T, database string) *pooler {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query := at.Query()
	socket := filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port"))
	if _, err := os.Stat(socket); err != nil {
		t.Skipf("the database has no socket in the file system: %v", err)
	}
	folder := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL."+query.Get("port")))
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() { p.answers(client, server) })
			running.Go(func() { defer server.Close(); _, _ = io.Copy(server, client) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	query.Set("host", folder)
	at.RawQuery = query.Encode()
	p.url = at.String()
	return p
}

// answers gives on what the server says, and changes BackendKeyData (PostgreSQL
// documentation, section 55.7).
func (p *pooler) answers(client, server net.Conn) {
	defer client.Close()
	for {
		var head [5]byte // the type of a message, and its length without the type
		if _, err := io.ReadFull(server, head[:]); err != nil {
			return
		}
		message := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
		copy(message, head[:])
		if _, err := io.ReadFull(server, message[len(head):]); err != nil {
			return
		}
		if head[0] == 'K' && !p.direct.Load() {
			message[len(head)] ^= 0x40
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}

// O22: statements are prepared on a connection that leads to the database itself,
// and not where a pooler stands between. A mode that the URL names is kept, and
// refused where it cannot work.
func TestO22ModeIsChosen(t *testing.T) {
	t.Parallel()
	direct := pgtest.New(t)
	behind := newPooler(t, direct).url
	for _, test := range []struct {
		name, url string
		want      bool // statements are prepared
	}{
		{"direct", direct, true},
		{"direct, named", direct + "&default_query_exec_mode=cache_statement", true},
		{"direct, another one is named", direct + "&default_query_exec_mode=cache_describe", false},
		{"behind a pooler", behind, false},
		{"behind a pooler, named", behind + "&default_query_exec_mode=exec", false},
	} {
		statements, locks := keptAfterUse(t, test.url)
		if statements > 0 != test.want || locks != 0 {
			t.Errorf("%s: %d prepared statements, %d advisory locks", test.name, statements, locks)
		}
	}
	for _, mode := range []string{"cache_statement", "describe_exec"} {
		refused := behind + "&default_query_exec_mode=" + mode
		s, err := Open(t.Context(), refused)
		if err == nil {
			_ = s.Close()
			t.Fatalf("%s: opened behind a pooler", mode)
		}
		if !strings.Contains(err.Error(), "default_query_exec_mode="+mode+" in DATABASE_URL cannot work: a pooler stands between") {
			t.Errorf("%s: %v", mode, err)
		}
		if _, pending := Pending(t.Context(), refused); pending == nil || pending.Error() != err.Error() {
			t.Errorf("%s: Pending says %v, and Open %v", mode, pending, err)
		}
	}
}

// TestPoolerLater: where the URL comes to lead to a pooler while the server runs,
// one connection is refused, and those after it prepare nothing.
func TestPoolerLater(t *testing.T) {
	t.Parallel()
	p := newPooler(t, pgtest.New(t))
	p.direct.Store(true)
	s := open(t, p.url)
	p.direct.Store(false)
	s.pool.Reset()
	if _, err := s.SigningKeys(t.Context()); !errors.Is(err, errPooler) {
		t.Errorf("%v, want %v", err, errPooler)
	}
	if _, err := s.SigningKeys(t.Context()); err != nil {
		t.Error(err)
	}
	connection, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Release()
	if mode := connection.Conn().Config().DefaultQueryExecMode; mode != pgx.QueryExecModeCacheDescribe {
		t.Errorf("mode %v", mode)
	}
}
