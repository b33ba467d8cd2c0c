package main

import (
	"database/sql"
	"fmt"
	"maps"
	"testing"
)

// creditFaults count what no account and no transaction may be like.
var creditFaults = map[string]string{
	"account that is not the sum of its transactions": `SELECT count(*) FROM %[1]scredit_accounts a LEFT JOIN (
			SELECT user_id, sum(amount) AS total, sum(free) AS free, count(*) AS entries,
				sum(CASE WHEN type IN ('usage', 'refund') THEN -amount ELSE 0 END) AS spent
			FROM %[1]scredit_transactions GROUP BY user_id) t ON t.user_id = a.user_id
		WHERE a.paid + a.free + a.held_paid + a.held_free <> coalesce(t.total, 0) OR a.free + a.held_free <> coalesce(t.free, 0)
			OR a.entries <> coalesce(t.entries, 0) OR a.spent <> coalesce(t.spent, 0)`,
	"pot below zero": `SELECT count(*) FROM %[1]scredit_accounts WHERE paid < 0 OR free < 0 OR held_paid < 0 OR held_free < 0`,
	"transaction without an account": `SELECT count(*) FROM %[1]scredit_transactions t
		WHERE NOT EXISTS (SELECT 1 FROM %[1]scredit_accounts a WHERE a.user_id = t.user_id)`,
	"transaction that does not follow the one before": `SELECT count(*) FROM (
			SELECT entry, balance_before, lag(entry, 1, 0) OVER w AS entry_before, lag(balance_after, 1, 0) OVER w AS left_before
			FROM %[1]scredit_transactions WINDOW w AS (PARTITION BY user_id ORDER BY entry)) t
		WHERE entry <> entry_before + 1 OR balance_before <> left_before`,
	"account that holds other than its open reservations": `SELECT count(*) FROM %[1]scredit_accounts a
		WHERE a.held_paid + a.held_free <> (SELECT coalesce(sum(r.amount), 0) FROM %[1]scredit_reservations r
			WHERE r.user_id = a.user_id AND r.state = 'open')`,
	"committed reservation without its usage": `SELECT count(*) FROM %[1]scredit_reservations r
		LEFT JOIN %[1]scredit_transactions t ON t.id = r.transaction_id
		WHERE r.state = 'committed' AND (t.id IS NULL OR t.reservation_id <> r.id OR t.amount <> -r.charged OR t.user_id <> r.user_id)`,
	"usage of a reservation that was not committed": `SELECT count(*) FROM %[1]scredit_transactions t
		LEFT JOIN %[1]scredit_reservations r ON r.id = t.reservation_id
		WHERE t.reservation_id IS NOT NULL AND (r.state IS NULL OR r.state <> 'committed')`,
	"usage refunded beyond what it took": `SELECT count(*) FROM (SELECT refund_of, sum(amount) AS back FROM %[1]scredit_transactions
			WHERE refund_of IS NOT NULL GROUP BY refund_of) f
		JOIN %[1]scredit_transactions t ON t.id = f.refund_of WHERE f.back > -t.amount OR t.type <> 'usage'`,
	"app whose days do not make what it took": `SELECT count(*) FROM (
			SELECT user_id, app_id, sum(used) AS used, sum(refunded) AS refunded, sum(uses) AS uses
			FROM %[1]scredit_usage GROUP BY user_id, app_id) u
		JOIN (SELECT user_id, app_id, sum(CASE WHEN type = 'usage' THEN -amount ELSE 0 END) AS used,
				sum(CASE WHEN type = 'refund' THEN amount ELSE 0 END) AS refunded, sum(CASE WHEN type = 'usage' THEN 1 ELSE 0 END) AS uses
			FROM %[1]scredit_transactions GROUP BY user_id, app_id) t ON t.user_id = u.user_id AND t.app_id = u.app_id
		WHERE u.used <> t.used OR u.refunded <> t.refunded OR u.uses <> t.uses`,
	"account that got other than one signup bonus": `SELECT count(*) FROM %[1]scredit_accounts a
		WHERE (SELECT count(*) FROM %[1]scredit_transactions t WHERE t.user_id = a.user_id AND t.entry = 1 AND t.type = 'bonus') <> 1`,
}

// checkCredits holds the ledger to what the workers know, after the last
// reservation has expired.
func (d database) checkCredits(t *testing.T, db *sql.DB, workers []*creditWorker) {
	t.Helper()
	for d.count(t, db, `SELECT count(*) FROM %[1]scredit_reservations WHERE state = 'open'`) > 0 {
		if t.Context().Err() != nil {
			t.Fatal("reservations stay open")
		}
	}
	for name, query := range creditFaults {
		if n := d.count(t, db, query); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
	}
	known, maybe := map[string]creditRow{}, map[string]bool{}
	for _, w := range workers {
		maps.Copy(known, w.rows)
		for description := range w.maybe {
			maybe[description] = true
		}
	}
	acknowledged, doubtful := len(known), 0
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`SELECT id, user_id, amount, description FROM %scredit_transactions
		WHERE type <> 'bonus'`, d.schema))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id, description string
			row             creditRow
		)
		if err := rows.Scan(&id, &row.user, &row.amount, &description); err != nil {
			t.Fatal(err)
		}
		switch want, ok := known[id]; {
		case ok && want == row:
			delete(known, id)
		case ok:
			t.Errorf("%s: %+v was acknowledged, %+v is there", id, want, row)
		case maybe[description]:
			delete(maybe, description) // once
			doubtful++
		default:
			t.Errorf("%s, %q: nobody was told of it", id, description)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for id, row := range known {
		t.Errorf("%s: %+v was acknowledged and is lost", id, row)
	}
	t.Logf("%d transactions acknowledged and there, %d more without a key and an answer, reservations: %d committed, %d released, %d expired",
		acknowledged, doubtful, d.count(t, db, `SELECT count(*) FROM %[1]scredit_reservations WHERE state = 'committed'`),
		d.count(t, db, `SELECT count(*) FROM %[1]scredit_reservations WHERE state = 'released'`),
		d.count(t, db, `SELECT count(*) FROM %[1]scredit_reservations WHERE state = 'expired'`))
}

func (d database) count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), fmt.Sprintf(query, d.schema)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
