package postgres

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/internal/pgtest"
)

// sentStatements keeps the statements that stores send.
type sentStatements struct {
	lock sync.Mutex
	all  map[string]bool
}

func (s *sentStatements) add(sql string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.all == nil {
		s.all = map[string]bool{}
	}
	s.all[sql] = true
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *sentStatements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, query pgx.TraceQueryStartData) context.Context {
	s.add(query.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *sentStatements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (s *sentStatements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, batch pgx.TraceBatchStartData) context.Context {
	for _, query := range batch.Batch.QueuedQueries {
		s.add(query.SQL)
	}
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s *sentStatements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (s *sentStatements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// open is a store whose statements are kept.
func (s *sentStatements) open(t *testing.T) *Store {
	t.Helper()
	config := open(t, pgtest.New(t)).pool.Config()
	config.ConnConfig.Tracer = s
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &Store{pool: pool}
}

// small are the tables whose size does not depend on users, sessions and what
// they do.
var small = []string{"manacore_schema", "manacore_migrations", "signing_keys", "service_keys", "readiness"}

var (
	planned  = regexp.MustCompile(`(?i)^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b`)
	seqScan  = regexp.MustCompile(`Seq Scan on (?:auth\.)?(\w+)`)
	fillRows = `
		INSERT INTO auth.users (id, name, email) SELECT 'u' || n, 'n', 'e' || n FROM generate_series(1, 500) n;
		INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password) SELECT 'a' || n, 'u' || n, 'credential', 'u' || n, 'h' FROM generate_series(1, 500) n;
		INSERT INTO auth.sessions (id, expires_at, token, user_id) SELECT 's' || n, now() + interval '1 day', 'mana:' || n, 'u' || n % 500 + 1 FROM generate_series(1, 1000) n;
		INSERT INTO auth.refresh_tokens (hash, session_id, created_at) SELECT sha256(n::text::bytea), 's' || n, now() FROM generate_series(1, 1000) n;
		INSERT INTO auth.security_events (user_id, event_type) SELECT 'u' || n % 500 + 1, 'login' FROM generate_series(1, 1000) n;
		INSERT INTO auth.session_revocations (session_id, at) SELECT 's' || n, now() FROM generate_series(1, 500) n;
		INSERT INTO auth.session_endings (user_id) SELECT 'u' || n FROM generate_series(1, 100) n;
		INSERT INTO auth.password_failures (subject, source, count) SELECT sha256(n::text::bytea), n, 1 FROM generate_series(1, 500) n;
		INSERT INTO auth.known_devices (digest, user_id, session_id, at) SELECT sha256(n::text::bytea), 'u' || n, 's' || n, now() FROM generate_series(1, 500) n;
		INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
			SELECT 'u' || n, 0, 5, 0, 0, 0, 5, 0, 1, current_date, now(), now() FROM generate_series(1, 500) n;
		INSERT INTO auth.credit_transactions (id, user_id, entry, type, source, amount, free, balance_before, balance_after, paid_after, free_after, spent_after, app_id, description, created_at)
			SELECT gen_random_uuid(), 'u' || n, 1, 'bonus', 'system', 5, 5, 0, 5, 0, 5, 0, 'system', '', now() FROM generate_series(1, 500) n;
		INSERT INTO auth.credit_reservations (id, user_id, app_id, amount, free, reason, balance, created_at, expires_at, state)
			SELECT gen_random_uuid(), 'u' || n, 'a', 1, 1, 'r', 4, now(), now() + interval '1 minute', 'open' FROM generate_series(1, 500) n;
		INSERT INTO auth.credit_usage (user_id, app_id, day, used, refunded, uses) SELECT 'u' || n, 'a', current_date, 1, 0, 1 FROM generate_series(1, 500) n;
		ANALYZE;`
)

// checkPlans checks that no statement reads the whole of a table that grows. The
// plan is the one for any values, as a prepared statement has it.
func (s *sentStatements) checkPlans(t *testing.T) {
	t.Helper()
	url := open(t, pgtest.New(t)).pool.Config().ConnString()
	pgtest.Exec(t, url, fillRows)
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	if _, err := connection.Exec(t.Context(), `SELECT set_config('enable_seqscan', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)`); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, sql := range slices.Sorted(maps.Keys(s.all)) {
		if !planned.MatchString(sql) {
			continue
		}
		sql = named(sql).text // where pgx puts in the numbers
		name := fmt.Sprintf("statement_%d", looked)
		looked++
		prepared, err := connection.Prepare(t.Context(), name, sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		execute := `EXPLAIN EXECUTE ` + name
		if n := len(prepared.ParamOIDs); n > 0 {
			execute += `(NULL` + strings.Repeat(`, NULL`, n-1) + `)`
		}
		rows, err := connection.Query(t.Context(), execute, pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		plan := strings.Join(lines, "\n")
		for _, scan := range seqScan.FindAllStringSubmatch(plan, -1) {
			if !slices.Contains(small, scan[1]) {
				t.Errorf("reads the whole of %s:\n%s\n%s", scan[1], sql, plan)
			}
		}
	}
	if looked == 0 {
		t.Error("no statement was looked at")
	}
}
