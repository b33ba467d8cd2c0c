package postgres

import (
	"strings"
	"testing"

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
