package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// modeParameter is the parameter of a URL that says how queries are sent.
const modeParameter = "default_query_exec_mode"

// preparing are the modes that need a later message to reach the session that an
// earlier one prepared something in.
var preparing = []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec}

// statementCache is how many prepared statements a connection keeps. The store has
// fewer.
const statementCache = 512

// errPooler: a connection that was to keep prepared statements leads to a pooler.
var errPooler = errors.New("postgres: a pooler stands between this server and the database, and did not before: statements are no longer prepared")

// pooled reports whether a pooler answers in place of the database. The database
// begins a session with the id of the process that serves it; a pooler has another
// one to say, because the process changes with each transaction.
func pooled(ctx context.Context, connection *pgx.Conn) (bool, error) {
	var process uint32
	// The simple protocol prepares nothing.
	err := connection.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&process)
	return process != connection.PgConn().PID(), err
}

// chooseMode asks the database how queries may be sent. Where nothing stands
// between, statements are prepared once a connection, which spares PostgreSQL the
// parsing and planning of each. A mode that the URL names is kept, and refused
// where a pooler stands between and it cannot work.
func chooseMode(ctx context.Context, config *pgxpool.Config, databaseURL string) error {
	connection, err := pgx.ConnectConfig(ctx, config.ConnConfig.Copy())
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(ctx) }() // nothing is lost with it
	behind, err := pooled(ctx, connection)
	if err != nil {
		return err
	}
	named := strings.Contains(databaseURL, modeParameter+"=")
	switch mode := config.ConnConfig.DefaultQueryExecMode; {
	case named && behind && slices.Contains(preparing, mode):
		return fmt.Errorf("%s=%s in DATABASE_URL cannot work: a pooler stands between this server and the database, and gives each transaction another session; "+
			"remove the parameter, and the server chooses a mode that works", modeParameter, spelled(mode))
	case !named && !behind:
		prepareStatements(config)
	}
	return nil
}

// spelled is a mode as a URL has it.
func spelled(mode pgx.QueryExecMode) string { return strings.ReplaceAll(mode.String(), " ", "_") }

// prepareStatements has the connections of a pool prepare statements, until one of
// them leads to a pooler: a name may lead to another place at any time.
func prepareStatements(config *pgxpool.Config) {
	var behind atomic.Bool
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if !behind.Load() {
			c.DefaultQueryExecMode, c.StatementCacheCapacity = pgx.QueryExecModeCacheStatement, statementCache
		}
		return nil
	}
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		if connection.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
			return nil
		}
		now, err := pooled(ctx, connection)
		if err == nil && now {
			behind.Store(true)
			err = errPooler
		}
		return err
	}
}
