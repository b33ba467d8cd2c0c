// Package postgres keeps the auth server's records in PostgreSQL, in the
// schema "auth" of the existing service, beside its data or in an empty
// database.
//
// Nothing relies on the state of a connection, so that a pooler may hand out
// another one for each transaction: no advisory lock is taken, no setting outlives
// a transaction, and names carry their schema. Statements are prepared only where
// no pooler stands between. What requests do most is a single statement each, or one for
// many requests: it is done as a whole or not at all, and a replica that dies in
// the middle leaves no lock behind. The rest is transactions, which the database
// ends if a replica hangs in one.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/store"
)

const (
	// connections is the most that a replica opens where the URL does not say
	// pool_max_conns. Commits that wait for the disk together share one flush.
	connections = 16
	// connectTime is how long a connection may take to open where the URL
	// does not say connect_timeout.
	connectTime = 5 * time.Second
	// callTime bounds each call: a database that hangs makes an error, not a
	// request that hangs.
	callTime = 5 * time.Second
	// openTime bounds each thing that Open waits for: the answer to a question,
	// and the end of another replica's migrations. A migration of its own takes
	// as long as it needs.
	openTime = time.Minute
)

// Store is a store.Store in a PostgreSQL database.
type Store struct{ pool *pgxpool.Pool }

var _ store.Store = (*Store)(nil)

// Open connects to the database at databaseURL (postgres:// or postgresql://,
// with the parameters of libpq and of pgxpool) and brings its schema up to
// date, for as long as ctx lets it. Several may do so at once, and wait for each
// other for a minute. A schema that is newer than this program is an error and is
// left as it is. No error shows the URL's password.
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	pool, err := connect(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	if err := checkEncoding(ctx, pool); err != nil {
		pool.Close()
		return nil, explain(err)
	}
	if err := upgrade(ctx, pool); err != nil {
		pool.Close()
		return nil, explain(err)
	}
	return &Store{pool: pool}, nil
}

// whileOpening bounds what Open waits for.
func whileOpening(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, openTime)
}

// errEncoding: texts of users would not be kept as they are.
var errEncoding = errors.New("the database has another encoding than UTF8: make it anew with createdb --encoding=UTF8 --template=template0")

// checkEncoding refuses a database that keeps texts in another encoding.
func checkEncoding(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := whileOpening(ctx)
	defer cancel()
	var encoding string
	if err := pool.QueryRow(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w (it has %s)", errEncoding, encoding)
	}
	return nil
}

// connect makes a pool, which connects when it is used, after a look at what the
// URL leads to.
func connect(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	config, err := poolConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if err := chooseMode(ctx, config, databaseURL); err != nil {
		return nil, explain(err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return pool, nil
}

// explain says what an operator can do about a failure to open the database.
// SQLSTATEs: PostgreSQL, appendix A.
func explain(err error) error {
	var (
		answer   *pgconn.PgError
		unheard  *pgconn.ConnectError
		todo     string
		answered = errors.As(err, &answer)
	)
	switch {
	case answered && (answer.Code == "28P01" || answer.Code == "28000"):
		todo = "correct the user and the password in DATABASE_URL, or what pg_hba.conf lets in"
	case answered && answer.Code == "3D000":
		todo = "make the database first, with createdb, or correct its name in DATABASE_URL"
	case answered && answer.Code == "42501":
		todo = "grant the user of DATABASE_URL the right to create the schema auth, and its tables"
	case answered && answer.Code == "42704":
		todo = "remove the parameter from DATABASE_URL that the server does not know"
	case answered && answer.Code == "53300":
		todo = "lower pool_max_conns in DATABASE_URL, or raise max_connections of the server"
	case !answered && errors.As(err, &unheard):
		todo = "correct host, port and sslmode in DATABASE_URL, or start the server there"
	default:
		return fmt.Errorf("postgres: %w", err)
	}
	return fmt.Errorf("postgres: %s: %w", todo, err)
}

func poolConfig(databaseURL string) (*pgxpool.Config, error) {
	if !isURL(databaseURL) {
		return nil, errors.New("the database URL does not begin with postgres:// or postgresql://")
	}
	if u, err := url.Parse(databaseURL); err == nil {
		if ambiguous(u) {
			return nil, errMalformed
		}
		if err := checkForeign(u); err != nil {
			return nil, err
		}
	}
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, withoutPassword(databaseURL, err)
	}
	// Until chooseMode knows better, queries are described once a connection, by a
	// statement without a name, and then run in one round trip, with values in
	// their binary form, which depends on no setting such as DateStyle.
	if !strings.Contains(databaseURL, modeParameter+"=") {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		config.ConnConfig.StatementCacheCapacity = 0
	}
	// Text is UTF-8, whatever the database or the role has as a default.
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	config.ConnConfig.OnPgError = usable
	if config.ConnConfig.ValidateConnect == nil && severalHosts(config.ConnConfig) {
		config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTime
	}
	if !strings.Contains(databaseURL, "pool_max_conns=") {
		config.MaxConns = max(config.MaxConns, connections)
	}
	return config, nil
}

// severalHosts reports whether the URL names more than one server. One of them
// may be a standby, which answers and takes nothing.
func severalHosts(config *pgx.ConnConfig) bool {
	return slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool {
		return f.Host != config.Host || f.Port != config.Port
	})
}

// usable reports whether a connection is kept after an error. One that cannot
// write is good for nothing here: it leads to a standby, or to a server that was
// a primary.
func usable(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return err.Severity != "FATAL" && err.SeverityUnlocalized != "FATAL" && err.Code != readOnlyTransaction
}

// withoutPassword says what is wrong with a URL. It wraps nothing: the error
// of pgx carries the URL.
func withoutPassword(databaseURL string, err error) error {
	u, malformed := parse(databaseURL)
	if malformed != nil {
		return malformed
	}
	text := err.Error()
	password, _ := u.User.Password()
	for _, secret := range []string{databaseURL, u.String(), password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return errors.New(text)
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var rows int
	return s.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM auth.users LIMIT 1) AS found`).Scan(&rows)
}

// Ready implements store.Store. The row that another server is just storing shows
// that the database takes it.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return s.indexed(ctx, `UPDATE auth.readiness SET at = clock_timestamp()
		WHERE id = (SELECT id FROM auth.readiness WHERE id = 1 FOR UPDATE SKIP LOCKED) RETURNING id`, nil,
		func(pgx.Rows) error { return nil })
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}
