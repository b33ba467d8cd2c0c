package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// credits is the ledger.Store in the file of a Store.
type credits struct{ *Store }

var _ ledger.Store = credits{}

// Ledger implements store.Store.
func (s *Store) Ledger() ledger.Store { return credits{s} }

// Execute implements ledger.Store. The write lock keeps everyone else away, in
// this process and in others.
func (s credits) Execute(ctx context.Context, need ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	return s.inBatch(ctx, func(tx *sql.Tx) error {
		loaded, err := load(ctx, tx, need)
		if err != nil {
			return err
		}
		return writeChanges(ctx, tx, decide(loaded))
	})
}

// each scans the rows of a query.
func each(ctx context.Context, q querier, query string, args []any, scan func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Account implements ledger.Store.
func (s credits) Account(ctx context.Context, userID string, now time.Time) (account ledger.Account, found, due bool, err error) {
	var row creditAccountRow
	err = s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM credit_reservations r
			WHERE r.user_id = a.user_id AND r.state = 'open' AND r.expires_at <= ?
				AND r.expires_at > coalesce(a.returned_to, -1)), `+creditAccountColumns+`
		FROM credit_accounts a WHERE a.user_id = ?`, now.UnixMilli(), userID).Scan(append([]any{&due}, row.into()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Account{}, false, false, nil
	}
	if err != nil {
		return ledger.Account{}, false, false, err
	}
	return row.get(), true, due, nil
}

// AccountHeld implements ledger.Store.
func (s credits) AccountHeld(ctx context.Context, userID string) (account ledger.Account, held ledger.Held, found bool, err error) {
	var row creditAccountRow
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(sum(r.amount - r.free), 0), coalesce(sum(r.free), 0), `+creditAccountColumns+`
		FROM credit_accounts a LEFT JOIN credit_reservations r
			ON r.user_id = a.user_id AND r.state = 'open' AND r.expires_at > coalesce(a.returned_to, -1)
		WHERE a.user_id = ? GROUP BY a.user_id`, userID).Scan(append([]any{&held.Paid, &held.Free}, row.into()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Account{}, ledger.Held{}, false, nil
	}
	return row.get(), held, err == nil, err
}

// Transactions implements ledger.Store. One statement reads all parts, and so
// they are those of one moment: a part that was read later would show a
// transaction whose predecessor an earlier part had not seen.
func (s credits) Transactions(ctx context.Context, q ledger.HistoryQuery, limit int) (list []ledger.Transaction, err error) {
	from, args := `credit_transactions t WHERE t.user_id = ?1 AND t.entry <= ?2`, []any{q.UserID, q.Last, limit}
	if q.AppID != "" {
		// Each part is in the order of the index, and no longer than the whole.
		var parts []string
		args = append(args, q.AppID)
		for _, source := range q.OfSources() {
			for _, kind := range ledger.Types {
				args = append(args, string(source), string(kind))
				parts = append(parts, fmt.Sprintf(`SELECT * FROM (SELECT * FROM credit_transactions v
					WHERE v.user_id = ?1 AND v.app_id = ?4 AND v.source = ?%d AND v.type = ?%d AND v.entry <= ?2
					ORDER BY v.entry DESC LIMIT ?3)`, len(args)-1, len(args)))
			}
		}
		from = `(` + strings.Join(parts, ` UNION ALL `) + `) t`
	}
	err = each(ctx, s.read, `SELECT `+transactionColumns+` FROM `+from+` ORDER BY t.entry DESC LIMIT ?3`, args, func(rows *sql.Rows) error {
		var row transactionRow
		err := rows.Scan(row.into()...)
		list = append(list, row.get())
		return err
	})
	return list, err
}

// DayUsages implements ledger.Store.
func (s credits) DayUsages(ctx context.Context, q ledger.UsageQuery, limit int) (list []ledger.DayUsage, err error) {
	err = each(ctx, s.read, `SELECT app_id, day, used, refunded, uses FROM credit_usage
		WHERE user_id = ? AND day BETWEEN ? AND ? AND (? = '' OR app_id = ?) ORDER BY day, app_id LIMIT ?`,
		[]any{q.UserID, q.First, q.Last, q.AppID, q.AppID, limit},
		func(rows *sql.Rows) error {
			u := ledger.DayUsage{UserID: q.UserID}
			err := rows.Scan(&u.AppID, &u.Day, &u.Used, &u.Refunded, &u.Uses)
			list = append(list, u)
			return err
		})
	return list, err
}

// AccountUsers implements ledger.Store.
func (s credits) AccountUsers(ctx context.Context, after string, limit int) (users []string, err error) {
	err = each(ctx, s.read, `SELECT user_id FROM credit_accounts WHERE user_id > ? ORDER BY user_id LIMIT ?`, []any{after, limit},
		func(rows *sql.Rows) error {
			var user string
			err := rows.Scan(&user)
			users = append(users, user)
			return err
		})
	return users, err
}

// Overdue implements ledger.Store.
func (s credits) Overdue(ctx context.Context, now time.Time, limit int) (users []string, more bool, err error) {
	var read int
	err = each(ctx, s.read, `SELECT user_id, count(*) FROM (SELECT user_id FROM credit_reservations
		WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?) GROUP BY user_id`, []any{now.UnixMilli(), limit},
		func(rows *sql.Rows) error {
			var (
				user string
				n    int
			)
			err := rows.Scan(&user, &n)
			users = append(users, user)
			read += n
			return err
		})
	return users, read == limit, err
}
