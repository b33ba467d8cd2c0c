package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"modernc.org/sqlite"
)

// observer sees the statements of a pool.
type observer struct {
	query func()           // before each query
	exec  func(rows int64) // after each other statement, with how many rows it changed
}

// observed is a pool on the file at path whose statements o sees.
func observed(t *testing.T, path string, o observer) *sql.DB {
	t.Helper()
	connector, err := sqlite.NewConnector("file://" + path + "?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(observedConnector{connector, o})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

type observedConnector struct {
	driver.Connector
	observer
}

func (c observedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := c.Connector.Connect(ctx)
	return observedConn{connection, c.observer}, err
}

type observedConn struct {
	driver.Conn
	observer
}

func (c observedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func (c observedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.query != nil {
		c.query()
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c observedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if err == nil && c.exec != nil {
		var rows int64
		if rows, err = result.RowsAffected(); err == nil {
			c.exec(rows)
		}
	}
	return result, err
}
