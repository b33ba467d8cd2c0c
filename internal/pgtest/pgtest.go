// Package pgtest gives tests a PostgreSQL database each.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.New(t)
//		...
//	}
//
// The databases are those of one private server for the test binary, started
// from the programs of this machine at the first New, on a socket in a
// temporary folder. It ends with the test binary, however that one ends. Where
// TEST_DATABASE_URL names a server, that one is used: its user has to be
// allowed to create databases. Where there is neither, tests that call New are
// skipped; with CI=true they fail.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTime is how long one call on the server may take.
const startTime = time.Minute

// errNoServer: there is no server and no programs to start one.
var errNoServer = errors.New("no PostgreSQL: neither TEST_DATABASE_URL nor its server programs (Debian package postgresql)")

// shared is the server of this test binary.
var shared struct {
	once    sync.Once
	err     error
	cluster *cluster // nil where the server is not ours
	admin   string   // URL to create databases with
	owner   *url.Userinfo
	count   atomic.Int64
}

// Main runs the tests and ends the server. It returns the exit status.
func Main(m *testing.M) int {
	return Stop(m.Run())
}

// Stop ends the server, if New started one, and returns status, or 1 where
// status is 0 and something went wrong. It is for a TestMain that cannot use
// Main.
func Stop(status int) int {
	if shared.cluster == nil {
		return status
	}
	if err := shared.cluster.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return max(status, 1)
	}
	return status
}

// New makes an empty database and returns its URL. On a server of our own the
// URL's user owns the database and is no superuser.
func New(t testing.TB) string {
	t.Helper()
	shared.once.Do(start)
	if errors.Is(shared.err, errNoServer) && os.Getenv("CI") != "true" {
		t.Skip(shared.err)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name := fmt.Sprintf("mana_test_%d_%d", os.Getpid(), shared.count.Add(1))
	if err := admin(t.Context(), "CREATE DATABASE "+name+" OWNER "+shared.owner.Username()+" TEMPLATE template0"); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if shared.cluster == nil { // a server of our own goes as a whole
		t.Cleanup(func() {
			if err := admin(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				t.Errorf("pgtest: %v", err)
			}
		})
	}
	u, err := url.Parse(shared.admin)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	u.User, u.Path = shared.owner, "/"+name
	return u.String()
}

// Server is a PostgreSQL server for one test, which can be stopped and started.
type Server struct {
	t       testing.TB
	cluster *cluster
}

// NewServer starts a server, which ends with the test. TEST_DATABASE_URL does
// not count: nobody else's server is stopped. The test is skipped, or fails, as
// by New.
func NewServer(t testing.TB) *Server {
	t.Helper()
	c, err := startCluster()
	if errors.Is(err, errNoServer) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return &Server{t, c}
}

// URL is that of the superuser's database, which is empty at first.
func (s *Server) URL() string { return s.cluster.url() }

// Stop stops the server as an operator does: open connections are broken off,
// and what was committed is kept.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.cluster.tell("stop", "stopped"); err != nil {
		s.t.Fatal(err)
	}
}

// Start starts a stopped server and returns when it takes connections.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.cluster.tell("start", "ready"); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server as a crash of its machine does.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.cluster.tell("kill", "killed"); err != nil {
		s.t.Fatal(err)
	}
}

// Follow makes the server a standby of another one, with nothing of its own left,
// and returns when it takes connections. What it replicates it does
// asynchronously, unless the other one is told to wait for it.
func (s *Server) Follow(primary *Server) {
	s.t.Helper()
	if err := s.cluster.tell("follow "+primary.cluster.dir, "ready"); err != nil {
		s.t.Fatal(err)
	}
}

// AwaitStandby makes every commit wait for the server's standby, which has to be
// connected or about to be.
func (s *Server) AwaitStandby() {
	s.t.Helper()
	Exec(s.t, s.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
	Exec(s.t, s.URL(), "SELECT pg_reload_conf()")
	// A connection keeps the settings that it began with while it is busy.
	for run(s.t.Context(), s.URL(), `DO $$ BEGIN
			IF NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') THEN
				PERFORM pg_sleep(0.02);
				RAISE 'no standby yet';
			END IF;
		END $$`) != nil {
		if err := s.t.Context().Err(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Promote makes a standby take writes, without one of its own.
func (s *Server) Promote() {
	s.t.Helper()
	if err := s.cluster.tell("promote", "promoted"); err != nil {
		s.t.Fatal(err)
	}
}

// URLOfAny is that of whichever of the servers takes writes.
func URLOfAny(servers ...*Server) string {
	var hosts, ports []string
	for _, s := range servers {
		hosts, ports = append(hosts, s.cluster.dir), append(ports, "5432")
	}
	return (&url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {strings.Join(hosts, ",")}, "port": {strings.Join(ports, ",")}}.Encode(),
	}).String()
}

// Exec runs statements, one or several, on the database at url.
func Exec(t testing.TB, url, statements string) {
	t.Helper()
	if err := run(t.Context(), url, statements); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

func start() {
	if server := os.Getenv("TEST_DATABASE_URL"); server != "" {
		u, err := url.Parse(server)
		if err != nil || u.User == nil {
			shared.err = errors.New("pgtest: TEST_DATABASE_URL is no URL with a user")
			return
		}
		shared.admin, shared.owner = server, url.User(u.User.Username())
		if password, ok := u.User.Password(); ok {
			shared.owner = url.UserPassword(u.User.Username(), password)
		}
		return
	}
	if shared.cluster, shared.err = startCluster(); shared.err != nil {
		return
	}
	shared.admin, shared.owner = shared.cluster.url(), url.UserPassword("mana", "pgtest-password")
	shared.err = admin(context.Background(), "CREATE ROLE mana LOGIN PASSWORD 'pgtest-password'")
}

func admin(ctx context.Context, statement string) error { return run(ctx, shared.admin, statement) }

func run(ctx context.Context, url, statements string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	connection, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(ctx)) }()
	_, err = connection.Exec(ctx, statements) // without arguments: the simple protocol
	return err
}
