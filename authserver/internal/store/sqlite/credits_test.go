package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFlaw54LedgerCannotBeReplaced: REPLACE removes the rows that are in its
// way, whichever unique index says so, and fires no trigger for it.
func TestFlaw54LedgerCannotBeReplaced(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "test.db"))
	replace := func(rowid, id, entry, key, reservation, reference any) error {
		_, err := s.write.ExecContext(t.Context(), `INSERT OR REPLACE INTO credit_transactions (rowid, id, user_id, entry, type, source,
				amount, free, balance_before, balance_after, paid_after, free_after, spent_after, app_id, description,
				idempotency_key, body_hash, reservation_id, reference_id, created_at)
			VALUES (?, ?, 'u', ?, 'bonus', 'system', 5, 5, 0, 5, 0, 5, 0, 'chat', '', ?, zeroblob(32), ?, ?, 0)`,
			rowid, id, entry, key, reservation, reference)
		return err
	}
	if err := replace(1, "id", 1, "key", "reservation", "reference"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"rowid":       replace(1, "a", 2, nil, nil, nil),
		"id":          replace(nil, "id", 3, nil, nil, nil),
		"entry":       replace(nil, "b", 1, nil, nil, nil),
		"key":         replace(nil, "c", 4, "key", nil, nil),
		"reservation": replace(nil, "d", 5, nil, "reservation", nil),
		"reference":   replace(nil, "e", 6, nil, nil, "reference"),
	} {
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("by its %s: %v", name, err)
		}
	}
	if err := replace(nil, "f", 2, "other", "other", "other"); err != nil {
		t.Errorf("another row: %v", err)
	}
}
