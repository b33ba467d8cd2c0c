package postgres

import (
	"strings"
	"testing"

	"github.com/manacore/manacore-go/internal/pgtest"
)

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
