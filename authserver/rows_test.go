package authserver

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/internal/pgtest"
	"github.com/manacore/manacore-go/internal/wire"
)

// The long run: go test ./authserver -run TestO24Rows -v -timeout 60m
// -rows.sessions 2000000 -rows.transactions 5000000.
var (
	rowsSessions     = flag.Int("rows.sessions", 20_000, "how many sessions the database of TestO24Rows has")
	rowsTransactions = flag.Int("rows.transactions", 40_000, "how many transactions it has")
)

// smallTables have few rows, however large a deployment is.
var smallTables = []string{"manacore_migrations", "manacore_schema", "readiness", "service_keys", "session_endings", "signing_keys"}

// TestO24Rows: with very many rows in every table, no request and no worker reads
// a whole one: PostgreSQL counts no sequential scan but of tables that are always
// small.
func TestO24Rows(t *testing.T) {
	t.Parallel()
	place := pgtest.New(t)
	t.Run("migrate", func(t *testing.T) { serverFor(t, on(place)) })
	fill(t, place, *rowsSessions, *rowsTransactions)
	committed(t, place)
	before := scans(t, place)
	for table, s := range before {
		if s.rows == 0 && !slices.Contains(smallTables, table) {
			t.Errorf("%s has no rows", table)
		}
	}
	for _, part := range []struct {
		name string
		work func(h *harness)
	}{{"requests", everyRequest}, {"workers", everyWorker}} {
		t.Run(part.name, func(t *testing.T) {
			began := time.Now()
			h := serverFor(t, on(place), withServiceKey)
			t.Logf("a start took %v", time.Since(began).Round(time.Millisecond))
			began = time.Now()
			part.work(h)
			t.Logf("took %v", time.Since(began).Round(time.Millisecond))
		})
		committed(t, place)
		after := scans(t, place)
		for table, s := range after {
			if s.sequential != before[table].sequential && !slices.Contains(smallTables, table) {
				t.Errorf("%s: %d sequential scans of %s", part.name, s.sequential-before[table].sequential, table)
			}
		}
		before = after
	}
}

// scanned is what PostgreSQL counts of a table.
type scanned struct{ sequential, rows int64 }

func scans(t *testing.T, place string) map[string]scanned {
	t.Helper()
	db, err := pgx.Connect(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	rows, err := db.Query(t.Context(), `SELECT relname, seq_scan, n_live_tup FROM pg_stat_user_tables WHERE schemaname = 'auth'`)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]scanned{}
	var (
		name string
		s    scanned
	)
	if _, err := pgx.ForEachRow(rows, []any{&name, &s.sequential, &s.rows}, func() error { tables[name] = s; return nil }); err != nil {
		t.Fatal(err)
	}
	return tables
}

// fill gives every table rows: a user for ten sessions, of which most live, some
// have expired or ended, and a few did so long ago.
func fill(t *testing.T, place string, sessions, transactions int) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	users := sessions / 10
	entries := transactions / users
	const atOnce = 200_000
	for _, table := range []struct {
		rows      int
		statement string // of the numbers $1 to $2, $3 users, $4 entries of each, at the instant $5
	}{
		{users, `INSERT INTO auth.users (id, name, email) SELECT 'u' || n, 'Name', n || '@rows.example' FROM generate_series($1::int, $2::int) n`},
		{users, `INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password) SELECT 'a' || n, 'u' || n, 'credential', 'u' || n, 'x' FROM generate_series($1::int, $2::int) n`},
		{sessions, `INSERT INTO auth.sessions (id, user_id, token, created_at, last_activity_at, expires_at, revoked_at)
			SELECT md5('s' || n), 'u' || (n % $3::int), 'mana:' || n, $5::timestamptz - interval '1 day', $5::timestamptz,
				$5::timestamptz + CASE WHEN n % 2000 = 0 THEN interval '-100 days' WHEN n % 10 = 0 THEN interval '-1 day' ELSE interval '7 days' END,
				CASE WHEN n % 10 = 1 THEN $5::timestamptz - interval '1 hour' END
			FROM generate_series($1::int, $2::int) n WHERE n % $3::int > 0`},
		{sessions, `INSERT INTO auth.refresh_tokens (hash, session_id, created_at) SELECT decode(md5(n::text) || md5('x' || n), 'hex'), md5('s' || n), $5::timestamptz
			FROM generate_series($1::int, $2::int) n WHERE n % $3::int > 0`},
		{sessions / 5, `INSERT INTO auth.session_revocations (session_id, at) SELECT md5('r' || n), $5::timestamptz - n % 3600 * interval '1 second' FROM generate_series($1::int, $2::int) n`},
		{sessions, `INSERT INTO auth.security_events (user_id, event_type, created_at) SELECT 'u' || (n % $3::int), 'login_success', $5::timestamptz
			FROM generate_series($1::int, $2::int) n WHERE n % $3::int > 0`},
		{users, `INSERT INTO auth.known_devices (digest, user_id, session_id, at) SELECT decode(md5(n::text) || md5('x' || n), 'hex'), 'u' || n, md5('s' || n), $5::timestamptz FROM generate_series($1::int, $2::int) n`},
		{users, `INSERT INTO auth.password_failures (subject, source, count) SELECT decode(md5(n::text) || md5('x' || n), 'hex'), 1, 1 FROM generate_series($1::int, $2::int) n`},
		{users, `INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
			SELECT 'u' || n, $4::int, 0, 0, 0, $4::int, 0, 0, $4::int, $5::timestamptz::date, $5::timestamptz, $5::timestamptz FROM generate_series($1::int, $2::int) n`},
		{transactions, `INSERT INTO auth.credit_transactions (id, user_id, entry, type, source, amount, free, balance_before, balance_after,
				paid_after, free_after, spent_after, app_id, description, created_at)
			SELECT gen_random_uuid(), 'u' || (1 + n / $4::int), 1 + n % $4::int, 'purchase', 'service', 1, 0, n % $4::int, 1 + n % $4::int,
				1 + n % $4::int, 0, 0, 'app' || n % 7, 'words', $5::timestamptz
			FROM generate_series($1::int, $2::int) n WHERE n / $4::int < $3::int`},
		{users, `INSERT INTO auth.credit_reservations (id, user_id, app_id, amount, free, reason, balance, created_at, expires_at, state, settled_at, settled_balance)
			SELECT gen_random_uuid(), 'u' || n, 'chat', 1, 0, 'words', 1, $5::timestamptz - interval '2 days', $5::timestamptz - interval '1 day', 'expired', $5::timestamptz, 1
			FROM generate_series($1::int, $2::int) n`},
		{users, `INSERT INTO auth.credit_usage (user_id, app_id, day, used, refunded, uses) SELECT 'u' || n, 'chat', $5::timestamptz::date, 1, 0, 1 FROM generate_series($1::int, $2::int) n`},
	} {
		for from := 1; from <= table.rows; from += atOnce {
			args := []any{from, min(from+atOnce-1, table.rows), users, entries, begin}
			// PostgreSQL wants to know the type of each parameter.
			statement := `WITH unused AS (SELECT $1::int, $2::int, $3::int, $4::int, $5::timestamptz) ` + table.statement
			if _, err := db.Exec(t.Context(), statement, args...); err != nil {
				t.Fatalf("%v: %s", err, table.statement)
			}
		}
	}
	if _, err := db.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
}

// everyRequest has each route that asks the database answer, and each operation
// of an operator on a user.
func everyRequest(h *harness) {
	h.Helper()
	var tokens wire.TokenResponse
	good := func(a answer) answer {
		h.Helper()
		if a.status >= 300 {
			h.Errorf("%d %s", a.status, a.body)
		}
		return a
	}
	registered := h.register("ann")
	for range 6 { // a plan for all parameters is made at the sixth time
		tokens = h.login("ann")
		for range 3 {
			tokens = h.refreshed(tokens.RefreshToken)
		}
		h.valid(tokens.AccessToken, "")
		for _, path := range []string{wire.SessionPath, wire.SessionsPath, wire.SecurityEventsPath,
			wire.CreditsPath + "/balance", wire.CreditsPath + "/transactions", wire.CreditsPath + "/usage"} {
			good(h.as(tokens.AccessToken, "GET", path, nil))
		}
		h.post(wire.LoginPath, object{"email": "5@rows.example", "password": "wrong password", "deviceId": "phone"})
		h.post(wire.LoginPath, object{"email": "nobody@rows.example", "password": "wrong password"})
		good(h.post(wire.LogoutPath, object{"refreshToken": h.login("ann").RefreshToken}))
	}
	for i := range 6 {
		user := "u" + strconv.Itoa(i+1)
		good(h.service("init", object{"userId": user}))
		good(h.service("grant", object{"userId": user, "amount": 50, "reason": "sold", "referenceId": fmt.Sprint("order ", i)}))
		use := useBody(user, 2)
		use["idempotencyKey"] = fmt.Sprint("key ", i)
		good(h.service("use", use))
		good(h.service("refund", object{"userId": user, "amount": 1, "appId": "chat", "description": "sorry"}))
		for _, end := range []string{"commit", "refund-reservation"} {
			held := decode[wire.CreditReserveResponse](h.T, h.service("reserve", object{"userId": user, "amount": 1, "reason": "words"}), http.StatusOK)
			good(h.service(end, object{"reservationId": held.ReservationID}))
		}
		for _, path := range []string{"/balance/", "/transactions/", "/usage/"} {
			good(h.get(wire.InternalCreditsPath+path+user, asService(nil)...))
		}
	}
	good(h.get("/health/ready"))
	h.scrape()
	good(h.as(tokens.AccessToken, "DELETE", wire.SessionsPath+"/"+h.verdict(h.login("ann").AccessToken).Payload.Sid, nil))
	next := "another good password"
	good(h.as(tokens.AccessToken, "POST", wire.ChangePasswordPath, object{"currentPassword": goodPassword, "newPassword": next}))
	good(h.as(tokens.AccessToken, "DELETE", wire.AccountPath, object{"password": next}))
	admin := Admin{config: Config{Clock: h.clock}, store: h.server.store, people: h.server.people}
	for i, operate := range []func(user string) error{
		func(user string) error { _, err := admin.Disable(h.Context(), user); return err },
		func(user string) error { _, err := admin.Enable(h.Context(), user); return err },
		func(user string) error { _, err := admin.SetRole(h.Context(), user, "admin"); return err },
		func(user string) error { _, err := admin.RevokeSessions(h.Context(), user); return err },
		func(user string) error { _, err := admin.Sessions(h.Context(), user, 10); return err },
		func(user string) error { _, err := admin.SecurityEvents(h.Context(), user); return err },
		func(user string) error { _, err := admin.Delete(h.Context(), user); return err },
	} {
		if err := operate("77@rows.example"); err != nil {
			h.Errorf("operation %d on a user: %v", i, err)
		}
	}
	if _, err := admin.User(h.Context(), registered.ID); err != nil {
		h.Error(err)
	}
	for range admin.Users(h.Context(), UserFilter{}, nil) {
		break
	}
}

// everyWorker has each worker run several times, and after changes that it waits
// for.
func everyWorker(h *harness) {
	h.Helper()
	if _, err := (&Admin{config: Config{Clock: h.clock}, people: h.server.people}).Disable(h.Context(), "u99"); err != nil {
		h.Error(err)
	}
	for i := range 20 {
		h.service("reserve", object{"userId": "u" + strconv.Itoa(i+1), "amount": 1, "reason": "words", "expiresIn": 60})
		h.post(wire.LoginPath, object{"email": "5@rows.example", "password": "wrong password"})
		h.clock.Advance(time.Second)
	}
	for range 10 {
		h.clock.Advance(markEvery)
	}
	h.clock.Advance(purgeEvery)
}
