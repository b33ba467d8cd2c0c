package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// sentStatements keeps the statements that stores send, and how many arguments
// each has.
type sentStatements struct {
	lock sync.Mutex
	all  map[string]int
}

func (s *sentStatements) add(query string, arguments int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.all == nil {
		s.all = map[string]int{}
	}
	s.all[query] = arguments
}

// open is a store whose statements are kept.
func (s *sentStatements) open(t *testing.T) *Store {
	t.Helper()
	base := open(t, filepath.Join(t.TempDir(), "test.db"))
	kept := &Store{write: s.keep(base.write, 1), read: s.keep(base.read, readers)}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return kept
}

func (s *sentStatements) keep(db *sql.DB, connections int) *sql.DB {
	through := sql.OpenDB(passing{db, s})
	through.SetMaxOpenConns(connections)
	through.SetMaxIdleConns(connections)
	return through
}

// passing makes connections of those of another pool.
type passing struct {
	db   *sql.DB
	sent *sentStatements
}

// Connect implements driver.Connector.
func (p passing) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := p.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	through := &passed{connection: connection, sent: p.sent}
	err = connection.Raw(func(own any) error {
		var ok bool
		if through.usual, ok = own.(usual); !ok {
			return errors.New("the driver's connections cannot do what they have to")
		}
		return nil
	})
	return through, err
}

// Driver implements driver.Connector.
func (p passing) Driver() driver.Driver { return p.db.Driver() }

// usual is what a connection of the driver can do.
type usual interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// passed is a connection of which the statements are kept.
type passed struct {
	usual
	connection *sql.Conn
	sent       *sentStatements
}

// ExecContext implements driver.ExecerContext.
func (p *passed) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	p.sent.add(query, len(args))
	return p.usual.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (p *passed) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	p.sent.add(query, len(args))
	return p.usual.QueryContext(ctx, query, args)
}

// PrepareContext implements driver.ConnPrepareContext.
func (p *passed) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	p.sent.add(query, parametersOf(query))
	return p.usual.PrepareContext(ctx, query)
}

// parametersOf is how many arguments a statement has whose parameters are ? or have
// numbers. The driver does not say.
func parametersOf(query string) int {
	most := strings.Count(query, "?")
	for n := 1; strings.Contains(query, "?1"); n++ {
		if !strings.Contains(query, "?"+strconv.Itoa(n)) {
			return n - 1
		}
	}
	return most
}

// Close implements driver.Conn.
func (p *passed) Close() error { return p.connection.Close() }

var (
	planned = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\b`)
	// wholeTable is a step of a plan that reads a table from its beginning, and
	// stops only where the statement has a LIMIT and the order is that of an index.
	wholeTable = regexp.MustCompile(`^SCAN (\w+)( VIRTUAL TABLE)?`)
	limited    = regexp.MustCompile(`(?i)\bLIMIT\b`)
	inOrder    = regexp.MustCompile(`USING (?:COVERING )?INDEX`)
)

// small are the tables whose size does not depend on users, sessions and what
// they do, by the names that statements give them, and what is no table: a row of
// constants, and n, which is one. The table session_endings is its own index, and
// read in its order up to a LIMIT.
var small = []string{"jwks", "service_keys", "readiness", "sqlite_sequence", "CONSTANT", "n", "session_endings"}

// checkPlans checks that no statement reads the whole of a table that grows.
func (s *sentStatements) checkPlans(t *testing.T) {
	t.Helper()
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	looked := 0
	for _, query := range slices.Sorted(maps.Keys(s.all)) {
		if !planned.MatchString(query) {
			continue
		}
		looked++
		for _, step := range plan(t, db, query, s.all[query]) {
			found := wholeTable.FindStringSubmatch(step)
			if found == nil || found[2] != "" || slices.Contains(small, found[1]) || inOrder.MatchString(step) && limited.MatchString(query) {
				continue
			}
			t.Errorf("reads the whole of %s:\n%s\n%s", found[1], query, step)
		}
	}
	if looked == 0 {
		t.Error("no statement was looked at")
	}
}

// plan is how SQLite runs a query, whatever its arguments are.
func plan(t *testing.T, db *Store, query string, arguments int) (steps []string) {
	t.Helper()
	rows, err := db.write.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, make([]any, arguments)...)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id, parent, unused int
			detail             string
		)
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return steps
}
