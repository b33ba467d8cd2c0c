package postgres

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
	"github.com/manacore/manacore-go/internal/pgtest"
)

// TestHangingBatch: a server that is suspended between the two halves of a batch
// does not keep its accounts from the others.
func TestHangingBatch(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	connection, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Release() // and closes it: it is in a transaction
	if _, err := load(t.Context(), connection, ledger.Need{Users: []string{"u"}}); err != nil {
		t.Fatal(err)
	}
	var limit string
	err = connection.QueryRow(t.Context(), `SELECT current_setting('idle_in_transaction_session_timeout')`).Scan(&limit)
	if limit != "5s" || err != nil {
		t.Errorf("limit %q, %v", limit, err)
	}
}

// TestFlaw54LedgerCannotBeChanged: not by an owner of the table either.
func TestFlaw54LedgerCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t))
	pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.credit_transactions (id, user_id, entry, type, source, amount, free,
			balance_before, balance_after, paid_after, free_after, spent_after, app_id, description, created_at)
		VALUES (gen_random_uuid(), 'u', 1, 'bonus', 'system', 5, 5, 0, 5, 0, 5, 0, 'system', '', now())`)
	for _, statement := range []string{`UPDATE auth.credit_transactions SET amount = amount - 1`,
		`DELETE FROM auth.credit_transactions`, `TRUNCATE auth.credit_transactions`} {
		if _, err := s.pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// O15: an account that another transaction holds, or is making, keeps nobody
// else's credits waiting. Its own operation is done once the account is free.
func TestO15HeldAccount(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]string{
		"held": `SELECT 1 FROM auth.credit_accounts WHERE user_id = 'ann' FOR UPDATE`,
		"being made": `SELECT 1 FROM auth.users WHERE id = 'cid' FOR NO KEY UPDATE;
			INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given, spent, entries, last_day, created_at, updated_at)
			VALUES ('cid', 0, 5, 0, 0, 0, 5, 0, 0, current_date, now(), now())`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, pgtest.New(t))
			books := ledger.New(ledger.Config{
				Store: s.Ledger(), Policy: ledger.Policy{SignupBonus: 100}, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
			})
			defer books.Close()
			pgtest.Exec(t, s.pool.Config().ConnString(), `INSERT INTO auth.users (id, name, email) VALUES ('ann', 'n', 'a'), ('bob', 'n', 'b'), ('cid', 'n', 'c'), ('dan', 'n', 'd')`)
			use := func(user string) error {
				_, err := books.Do(t.Context(), ledger.Op{Kind: ledger.Use, Source: ledger.FromService, UserID: user, AppID: "a", Amount: 1})
				return err
			}
			if err := errors.Join(use("ann"), use("bob")); err != nil {
				t.Fatal(err)
			}
			holder, err := pgx.Connect(t.Context(), s.pool.Config().ConnString())
			if err != nil {
				t.Fatal(err)
			}
			defer holder.Close(t.Context())
			if _, err := holder.PgConn().Exec(t.Context(), `BEGIN; `+hold).ReadAll(); err != nil {
				t.Fatal(err)
			}
			waits := map[string]string{"held": "ann", "being made": "cid"}[name]
			done := make(chan error, 1)
			go func() { done <- use(waits) }()
			for range 5 { // some of them in the batches in which it is tried
				if err := use("bob"); err != nil {
					t.Error(err)
				}
			}
			if err := use("dan"); err != nil { // who has no account yet
				t.Error(err)
			}
			select {
			case err := <-done:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			if _, err := holder.Exec(t.Context(), `COMMIT`); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
