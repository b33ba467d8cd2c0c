package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver"
	"github.com/manacore/manacore-go/benchmarks/internal/load"
	"github.com/manacore/manacore-go/internal/pgtest"
)

const (
	creditKey     = "service key of the benchmark, long"
	creditPath    = "/api/v1/internal/credits/use"
	patternPath   = "/pattern"
	manyAccounts  = 100_000
	creditSeconds = 3 // about, of each measurement
)

// BenchmarkSpend spends one credit a request, each with an idempotency key of
// its own, beside the pattern of the existing service on the same PostgreSQL:
// SELECT FOR UPDATE, UPDATE and INSERT in a transaction for each. Both have 16
// connections and wait for the disk. The pattern is measured on bare tables,
// with no more than the three statements need, and on the existing service's
// own, which are not everywhere: see pgtest.Existing.
func BenchmarkSpend(b *testing.B) {
	for _, accounts := range []int{1, manyAccounts} {
		for _, clients := range []int{64, 256} {
			name := fmt.Sprintf("accounts=%d/clients=%d/tables=", accounts, clients)
			b.Run(name+"bare", func(b *testing.B) {
				benchmarkSpend(b, accounts, clients, pgtest.New(b), bareTables, spendBare)
			})
			b.Run(name+"existing", func(b *testing.B) {
				benchmarkSpend(b, accounts, clients, pgtest.Existing(b), existingTables, spendExisting)
			})
		}
	}
}

func benchmarkSpend(b *testing.B, accounts, clients int, url, tables string, spendOld oldSpend) {
	// The pattern's pool prepares its statements. No proxy stands in between,
	// so the server may do so as well.
	addr := open(b, authserver.Config{Database: authserver.Database{URL: url}, Credits: authserver.Credits{ServiceKey: creditKey}})
	pool, err := pgxpool.New(b.Context(), url+"&pool_max_conns=16")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if _, err := pool.Exec(b.Context(), fmt.Sprintf(spenders+tables+"ANALYZE;", scaled(accounts))); err != nil {
		b.Fatal(err)
	}
	old := listen(b, pattern(pool, spendOld))
	var made int // keys are never used twice
	spend := func(addr, path string, total int) load.Result {
		requests := make([][]byte, total)
		for i := range requests {
			made++
			user := fmt.Sprintf("user-%d", made*7919%scaled(accounts)) // every account, in no order
			requests[i] = load.Request("POST", path, fmt.Sprintf(
				`{"userId":%q,"amount":1,"appId":"bench","description":"a spend of the benchmark","idempotencyKey":"key-%d"}`, user, made),
				"X-Service-Key: "+creditKey, "X-App-Id: bench")
		}
		return run(b, addr, load.Repeat(clients, total, http.StatusCreated, requests))
	}
	least := 400 // of the pattern in a second
	if accounts > 1 {
		least = 1500
	}
	p99 := inTurns(b,
		func(*testing.B) load.Result { return spend(addr, creditPath, scaled(6000*creditSeconds)) },
		func(*testing.B) load.Result { return spend(old, patternPath, scaled(least*creditSeconds)) })
	b.ReportMetric(milliseconds(p99), "floor-p99-ms")
}

// spenders are users with an account each in our tables.
const spenders = `
	INSERT INTO auth.users (id, name, email) SELECT 'user-' || n, 'Bench', 'user-' || n FROM generate_series(0, %[1]d - 1) n;
	INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
		SELECT 'user-' || n, 1000000000, 0, 0, 0, 1000000000, 0, 0, 1, current_date + 1, now(), now() FROM generate_series(0, %[1]d - 1) n;
	INSERT INTO auth.credit_transactions (id, user_id, entry, type, source, amount, free, balance_before, balance_after,
			paid_after, free_after, spent_after, app_id, description, created_at)
		SELECT gen_random_uuid(), user_id, 1, 'purchase', 'system', 1000000000, 0, 0, 1000000000, 1000000000, 0, 0, 'bench', 'before', now()
		FROM auth.credit_accounts;`

// oldSpend is what the pattern does in a transaction.
type oldSpend func(ctx context.Context, tx pgx.Tx, s *oldRequest) (id string, balance int64, err error)

type oldRequest struct {
	UserID         string `json:"userId"`
	Amount         int64  `json:"amount"`
	AppID          string `json:"appId"`
	Description    string `json:"description"`
	IdempotencyKey string `json:"idempotencyKey"`
}

var errInsufficient = errors.New("insufficient credits")

// bareTables have one row for each user in spenders.
const bareTables = `
	CREATE TABLE pattern_balances (user_id text PRIMARY KEY, balance bigint NOT NULL);
	CREATE TABLE pattern_transactions (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text NOT NULL, amount bigint NOT NULL,
		balance_before bigint NOT NULL, balance_after bigint NOT NULL, app_id text NOT NULL, description text NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now());
	CREATE INDEX ON pattern_transactions (user_id);
	INSERT INTO pattern_balances SELECT 'user-' || n, 1000000000 FROM generate_series(0, %[1]d - 1) n;`

func spendBare(ctx context.Context, tx pgx.Tx, s *oldRequest) (id string, balance int64, err error) {
	if err := tx.QueryRow(ctx, `SELECT balance FROM pattern_balances WHERE user_id = $1 FOR UPDATE`, s.UserID).Scan(&balance); err != nil {
		return "", 0, err
	}
	if balance < s.Amount {
		return "", 0, errInsufficient
	}
	after := balance - s.Amount
	if _, err := tx.Exec(ctx, `UPDATE pattern_balances SET balance = $2 WHERE user_id = $1`, s.UserID, after); err != nil {
		return "", 0, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO pattern_transactions (user_id, amount, balance_before, balance_after, app_id, description)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id::text`,
		s.UserID, -s.Amount, balance, after, s.AppID, s.Description).Scan(&id)
	return id, after, err
}

// existingTables are there already.
const existingTables = `
	INSERT INTO credits.balances (user_id, balance, total_earned) SELECT 'user-' || n, 1000000000, 1000000000 FROM generate_series(0, %[1]d - 1) n;`

// spendExisting leaves out what the existing service does besides: it looks for
// the key first, and writes a row of statistics for each spend.
func spendExisting(ctx context.Context, tx pgx.Tx, s *oldRequest) (id string, balance int64, err error) {
	var version int32
	err = tx.QueryRow(ctx, `SELECT balance, version FROM credits.balances WHERE user_id = $1 FOR UPDATE`, s.UserID).Scan(&balance, &version)
	if err != nil {
		return "", 0, err
	}
	if balance < s.Amount {
		return "", 0, errInsufficient
	}
	after := balance - s.Amount
	if _, err := tx.Exec(ctx, `UPDATE credits.balances SET balance = $2, total_spent = total_spent + $3, version = version + 1, updated_at = now()
		WHERE user_id = $1 AND version = $4`, s.UserID, after, s.Amount, version); err != nil {
		return "", 0, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO credits.transactions (user_id, type, status, amount, balance_before, balance_after, app_id, description,
			idempotency_key, completed_at)
		VALUES ($1, 'usage', 'completed', $2, $3, $4, $5, $6, $7, now()) RETURNING id::text`,
		s.UserID, -s.Amount, balance, after, s.AppID, s.Description, s.IdempotencyKey).Scan(&id)
	return id, after, err
}

// pattern spends as the existing service does.
func pattern(pool *pgxpool.Pool, spend oldSpend) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request oldRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var (
			id      string
			balance int64
		)
		err := pgx.BeginFunc(r.Context(), pool, func(tx pgx.Tx) (err error) {
			id, balance, err = spend(r.Context(), tx, &request)
			return err
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "balance": balance, "createdAt": time.Now()})
	})
}
