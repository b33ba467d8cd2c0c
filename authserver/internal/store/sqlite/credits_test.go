package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
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

// TestHistoryIsOneMoment: a page of an app's transactions has none missing
// between its entries, whatever is committed while it is read. Every cursor
// behind the page is below all of them, and so nobody would be shown the missing
// one later.
func TestHistoryIsOneMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path)
	entry := 0
	commit := func() {
		t.Helper()
		for _, row := range []struct {
			kind   string
			amount int
			of     any
		}{{"usage", -1, nil}, {"refund", 1, fmt.Sprint(entry + 1)}} {
			entry++
			if _, err := s.write.ExecContext(t.Context(), `INSERT INTO credit_transactions (id, user_id, entry, type, source,
					amount, free, balance_before, balance_after, paid_after, free_after, spent_after, app_id, description, refund_of, created_at)
				VALUES (?1, 'u', ?2, ?3, 'service', ?4, 0, 1, 1 + ?4, 0, 0, 0, 'chat', '', ?5, 0)`,
				fmt.Sprint(entry), entry, row.kind, row.amount, row.of); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit()
	reader := credits{&Store{read: observed(t, path, observer{query: commit})}}
	list, err := reader.Transactions(t.Context(), ledger.HistoryQuery{UserID: "u", Last: 1000, AppID: "chat"}, 50)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d transactions, %v", len(list), err)
	}
	for i, transaction := range list {
		if want := int64(len(list) - i); transaction.Entry != want {
			t.Errorf("place %d of %d has entry %d, want %d", i, len(list), transaction.Entry, want)
		}
	}
	for limit := range 4 {
		page, err := (credits{s}).Transactions(t.Context(), ledger.HistoryQuery{UserID: "u", Last: 3, AppID: "chat"}, limit)
		if err != nil || len(page) != min(limit, 3) || limit > 0 && page[0].Entry != 3 {
			t.Errorf("a page of %d: %+v, %v", limit, page, err)
		}
	}
}
