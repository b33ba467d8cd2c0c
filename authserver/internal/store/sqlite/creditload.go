package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// load reads what a batch has to know.
func load(ctx context.Context, tx *sql.Tx, need ledger.Need) (ledger.Loaded, error) {
	l := loader{ctx: ctx, tx: tx}
	l.out.Refunded = map[string]int64{}
	now := need.Now.UnixMilli()
	users := slices.Clone(need.Users)
	if len(need.Reservations) > 0 {
		l.reservations(`SELECT `+reservationColumns+` FROM credit_reservations r
			WHERE r.id IN (SELECT value FROM json_each(?))`, l.list(need.Reservations))
		for _, r := range l.out.Reservations {
			users = append(users, r.UserID)
		}
	}
	who := l.list(users)
	l.each(`SELECT `+creditAccountColumns+` FROM credit_accounts a WHERE a.user_id IN (SELECT value FROM json_each(?))`,
		[]any{who}, func(rows *sql.Rows) error {
			var row creditAccountRow
			err := rows.Scan(row.into()...)
			l.out.Accounts = append(l.out.Accounts, row.get())
			return err
		})
	l.each(`SELECT id FROM users WHERE deleted_at IS NULL AND disabled_at IS NULL AND id IN (SELECT value FROM json_each(?))`,
		[]any{who}, func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			l.out.Active = append(l.out.Active, id)
			return err
		})
	l.overdue(users, now)
	l.history(need)
	return l.out, l.err
}

// overdue reads the overdue reservations of users, and of those who have very
// many what they hold together.
func (l *loader) overdue(users []string, now int64) {
	var overdue ledger.Overdue
	slices.Sort(users)
	for _, user := range slices.Compact(users) {
		l.each(`SELECT `+reservationColumns+` FROM credit_reservations r
			WHERE r.user_id = ? AND r.state = 'open' AND r.expires_at <= ? ORDER BY r.expires_at LIMIT ?`,
			[]any{user, now, ledger.MaxOverdue + 1}, func(rows *sql.Rows) error {
				var row reservationRow
				err := rows.Scan(row.into()...)
				overdue.Add(row.get())
				return err
			})
	}
	kept, many := overdue.Bounded()
	l.out.Reservations = append(l.out.Reservations, kept...)
	for _, user := range many {
		l.each(`SELECT a.user_id, sum(r.amount), sum(r.free) FROM credit_accounts a JOIN credit_reservations r ON r.user_id = a.user_id
			WHERE a.user_id = ? AND r.state = 'open' AND r.expires_at <= ? AND r.expires_at > coalesce(a.returned_to, -1)
			GROUP BY a.user_id`, []any{user, now}, func(rows *sql.Rows) error {
			var d ledger.Due
			err := rows.Scan(&d.UserID, &d.Amount, &d.Free)
			l.out.Due = append(l.out.Due, d)
			return err
		})
	}
}

// history reads what a batch may repeat or refer to.
func (l *loader) history(need ledger.Need) {
	const refunded = `(SELECT coalesce(sum(f.amount), 0) FROM credit_transactions f WHERE f.refund_of = t.id)`
	if len(need.Keys) > 0 {
		keys := make([][4]string, len(need.Keys))
		for i, k := range need.Keys {
			keys[i] = [4]string{k.UserID, k.AppID, k.Key, string(k.Source)}
		}
		l.transactions(`SELECT `+refunded+`, `+transactionColumns+` FROM json_each(?) k JOIN credit_transactions t
			ON t.user_id = k.value->>0 AND t.app_id = k.value->>1 AND t.idempotency_key = k.value->>2 AND t.source = k.value->>3`, l.list(keys))
		l.reservations(`SELECT `+reservationColumns+` FROM json_each(?) k JOIN credit_reservations r
			ON r.user_id = k.value->>0 AND r.app_id = k.value->>1 AND r.idempotency_key = k.value->>2 AND k.value->>3 = 'service'`, l.list(keys))
	}
	if len(need.Transactions) > 0 {
		l.transactions(`SELECT `+refunded+`, `+transactionColumns+` FROM credit_transactions t
			WHERE t.id IN (SELECT value FROM json_each(?))`, l.list(need.Transactions))
	}
	for _, r := range need.Recent {
		l.transactions(`SELECT `+refunded+`, `+transactionColumns+` FROM credit_transactions t
			WHERE t.user_id = ? AND t.app_id = ? AND t.type = 'usage' AND t.source = 'service'
			ORDER BY t.entry DESC LIMIT ?`, r.UserID, r.AppID, ledger.MaxRecent)
	}
	for _, g := range need.Grants {
		l.transactions(`SELECT 0, `+transactionColumns+` FROM credit_transactions t
			WHERE t.app_id = ? AND t.reference_id = ?`, g.AppID, g.Reference)
	}
}

// loader collects rows and keeps the first error.
type loader struct {
	ctx context.Context
	tx  *sql.Tx
	err error
	out ledger.Loaded
}

// list is a parameter for json_each.
func (l *loader) list(items any) string {
	doc, err := json.Marshal(items)
	if l.err == nil {
		l.err = err
	}
	return string(doc)
}

func (l *loader) each(query string, args []any, scan func(*sql.Rows) error) {
	if l.err == nil {
		l.err = each(l.ctx, l.tx, query, args, scan)
	}
}

func (l *loader) reservations(query string, args ...any) {
	l.each(query, args, func(rows *sql.Rows) error {
		var row reservationRow
		err := rows.Scan(row.into()...)
		l.out.Reservations = append(l.out.Reservations, row.get())
		return err
	})
}

func (l *loader) transactions(query string, args ...any) {
	l.each(query, args, func(rows *sql.Rows) error {
		var (
			row      transactionRow
			refunded int64
		)
		err := rows.Scan(append([]any{&refunded}, row.into()...)...)
		t := row.get()
		l.out.Transactions = append(l.out.Transactions, t)
		if refunded > 0 {
			l.out.Refunded[t.ID] = refunded
		}
		return err
	})
}
