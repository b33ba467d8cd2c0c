package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// credits is the ledger.Store in the database of a Store.
type credits struct{ pool *pgxpool.Pool }

var _ ledger.Store = credits{}

// Ledger implements store.Store.
func (s *Store) Ledger() ledger.Store { return credits{s.pool} }

// Execute implements ledger.Store. It takes two round trips: one that begins
// the transaction, locks the accounts and reads, and one that writes and
// commits. Where reservations are settled, the commit is a third, sent once it
// is known that they were open. Reservations cost one more at first, which tells
// whose they are, and users whose account was not locked one in between. What is
// read of an account comes with its lock or after it, in statements of their own,
// and so is the newest there is (PostgreSQL documentation, section 13.2.1). It
// waits for no account that another transaction holds.
func (s credits) Execute(ctx context.Context, need ledger.Need, decide func(ledger.Loaded) ledger.Changes) error {
	err := call(ctx, func(ctx context.Context) error {
		connection, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer connection.Release() // closes one that is still in a transaction
		loaded, err := load(ctx, connection, need)
		if err == nil {
			err = writeChanges(ctx, connection, loaded, decide(loaded))
		}
		if err != nil && connection.Conn().PgConn().TxStatus() != 'I' {
			_, _ = connection.Exec(ctx, `ROLLBACK`) // or else Release ends it
		}
		return err
	})
	return rejection(err)
}

// Account implements ledger.Store.
func (s credits) Account(ctx context.Context, userID string, now time.Time) (account ledger.Account, found, due bool, err error) {
	var row creditAccountRow
	err = call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM auth.credit_reservations r
				WHERE r.user_id = a.user_id AND r.state = 'open' AND r.expires_at <= $2
					AND r.expires_at > coalesce(a.returned_to, '-infinity')), `+creditAccountColumns+`
			FROM auth.credit_accounts a WHERE a.user_id = $1`, userID, at(now)).Scan(append([]any{&due}, row.into()...)...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
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
	err = call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT r.paid, r.free, `+creditAccountColumns+`
			FROM auth.credit_accounts a CROSS JOIN LATERAL (
				SELECT coalesce(sum(v.amount - v.free), 0)::bigint AS paid, coalesce(sum(v.free), 0)::bigint AS free
				FROM auth.credit_reservations v
				WHERE v.user_id = a.user_id AND v.state = 'open' AND v.expires_at > coalesce(a.returned_to, '-infinity')) r
			WHERE a.user_id = $1`, userID).Scan(append([]any{&held.Paid, &held.Free}, row.into()...)...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return ledger.Account{}, ledger.Held{}, false, nil
	}
	return row.get(), held, err == nil, err
}

// Transactions implements ledger.Store.
func (s credits) Transactions(ctx context.Context, q ledger.HistoryQuery, limit int) (list []ledger.Transaction, err error) {
	query, args := `SELECT `+transactionColumns+` FROM auth.credit_transactions t
		WHERE t.user_id = $1 AND t.entry <= $2 ORDER BY t.entry DESC LIMIT $3`, []any{q.UserID, q.Last, limit}
	if q.AppID != "" {
		// Each part is in the order of the index, and no longer than the whole.
		query = `SELECT ` + transactionColumns + ` FROM unnest($5::text[]) AS s (source) CROSS JOIN unnest($6::text[]) AS k (type)
			CROSS JOIN LATERAL (SELECT * FROM auth.credit_transactions v
				WHERE v.user_id = $1 AND v.app_id = $4 AND v.source = s.source AND v.type = k.type AND v.entry <= $2
				ORDER BY v.entry DESC LIMIT $3) t
			ORDER BY t.entry DESC LIMIT $3`
		args = append(args, q.AppID, texts(q.OfSources()), texts(ledger.Types))
	}
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows(list[:0], rows, func(rows pgx.CollectableRow) (ledger.Transaction, error) {
			var row transactionRow
			err := rows.Scan(row.into()...)
			return row.get(), err
		})
		return err
	})
	return list, err
}

// DayUsages implements ledger.Store.
func (s credits) DayUsages(ctx context.Context, q ledger.UsageQuery, limit int) (list []ledger.DayUsage, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT app_id, day - DATE '1970-01-01', used, refunded, uses FROM auth.credit_usage
			WHERE user_id = $1 AND day BETWEEN DATE '1970-01-01' + $2::int AND DATE '1970-01-01' + $3::int
				AND ($4 = '' OR app_id = $4)
			ORDER BY day, app_id COLLATE "C" LIMIT $5`, q.UserID, int32(q.First), int32(q.Last), q.AppID, limit)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows(list[:0], rows, func(row pgx.CollectableRow) (ledger.DayUsage, error) {
			u := ledger.DayUsage{UserID: q.UserID}
			err := row.Scan(&u.AppID, (*int32)(&u.Day), &u.Used, &u.Refunded, &u.Uses)
			return u, err
		})
		return err
	})
	return list, err
}

// AccountUsers implements ledger.Store.
func (s credits) AccountUsers(ctx context.Context, after string, limit int) (users []string, err error) {
	err = call(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT user_id FROM auth.credit_accounts
			WHERE user_id > $1 ORDER BY user_id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		users, err = pgx.AppendRows(users[:0], rows, pgx.RowTo[string])
		return err
	})
	return users, err
}

// Overdue implements ledger.Store.
func (s credits) Overdue(ctx context.Context, now time.Time, limit int) (users []string, more bool, err error) {
	var rows int
	err = call(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `SELECT coalesce(array_agg(DISTINCT user_id), '{}'), count(*) FROM (
				SELECT user_id FROM auth.credit_reservations
				WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2) r`, at(now), limit).Scan(&users, &rows)
	})
	return users, rows == limit, err
}
