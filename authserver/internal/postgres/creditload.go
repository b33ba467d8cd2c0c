package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// concerned are the users of a batch, as an array: those named and those of
// the reservations. A reservation never changes its user.
const concerned = `ARRAY(SELECT unnest(@users::text[])
	UNION SELECT user_id FROM auth.credit_reservations WHERE id = ANY(@reservations::text[]::uuid[]))`

const (
	lockAccounts = `SELECT ` + creditAccountColumns + ` FROM auth.credit_accounts a
		WHERE a.user_id = ANY(` + concerned + `) ORDER BY a.user_id FOR UPDATE`
	activeUsers = `SELECT id FROM auth.users WHERE deleted_at IS NULL AND disabled_at IS NULL AND id = ANY(` + concerned + `)`

	concernedReservations = `SELECT ` + reservationColumns + ` FROM auth.credit_reservations r
		WHERE r.id = ANY(@reservations::text[]::uuid[])`
	overdueReservations = `SELECT ` + reservationColumns + ` FROM auth.credit_reservations r
		WHERE r.state = 'open' AND r.expires_at <= @now AND r.user_id = ANY(` + concerned + `)`

	keyedReservations   = `SELECT ` + reservationColumns + ` FROM auth.credit_reservations r WHERE r.key_hash = ANY(@keys::bytea[])`
	keyedTransactions   = `SELECT ` + refunded + `, ` + transactionColumns + ` FROM auth.credit_transactions t WHERE t.key_hash = ANY(@keys::bytea[])`
	grantedTransactions = `SELECT 0::bigint, ` + transactionColumns + `
		FROM unnest(@apps::text[], @references::text[]) AS k (app_id, reference) CROSS JOIN LATERAL (
			SELECT * FROM auth.credit_transactions v
			WHERE v.app_id = k.app_id AND v.reference_id = k.reference LIMIT 1) t` // and so never joined by reading all
	refunded            = `(SELECT coalesce(sum(f.amount), 0)::bigint FROM auth.credit_transactions f WHERE f.refund_of = t.id)`
	refundedTransaction = `SELECT ` + refunded + `, ` + transactionColumns + ` FROM auth.credit_transactions t
		WHERE t.id = ANY(@transactions::text[]::uuid[])`
	recentUsages = `SELECT ` + refunded + `, ` + transactionColumns + `
		FROM unnest(@users::text[], @apps::text[]) AS k (user_id, app_id) CROSS JOIN LATERAL (
			SELECT * FROM auth.credit_transactions u
			WHERE u.user_id = k.user_id AND u.app_id = k.app_id AND u.type = 'usage' AND u.source = 'service'
			ORDER BY u.entry DESC LIMIT @most::bigint) t`
)

// load begins a transaction, locks the accounts that a batch concerns, and
// reads what it has to know.
func load(ctx context.Context, connection *pgxpool.Conn, need ledger.Need) (ledger.Loaded, error) {
	l := loader{out: ledger.Loaded{Refunded: map[string]int64{}}}
	who := pgx.NamedArgs{"users": need.Users, "reservations": need.Reservations, "now": at(need.Now)}
	l.batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	// Everything is found by an index. Where the statistics are those of an
	// empty table, the planner would rather read all of it, and a plan that was
	// kept goes on doing so while the table grows.
	l.batch.Queue(`SET LOCAL enable_seqscan = off`)
	l.each(lockAccounts, who, func(rows pgx.Rows) error {
		var row creditAccountRow
		err := rows.Scan(row.into()...)
		l.out.Accounts = append(l.out.Accounts, row.get())
		return err
	})
	l.each(activeUsers, who, func(rows pgx.Rows) error {
		var id string
		err := rows.Scan(&id)
		l.out.Active = append(l.out.Active, id)
		return err
	})
	l.reservations(overdueReservations, who)
	if len(need.Reservations) > 0 {
		l.reservations(concernedReservations, who)
	}
	l.history(need)
	// Close hands every result to its function and returns the first error.
	return l.out, connection.SendBatch(ctx, &l.batch).Close()
}

// history reads what a batch may repeat or refer to.
func (l *loader) history(need ledger.Need) {
	if len(need.Keys) > 0 {
		args := pgx.NamedArgs{"keys": column(need.Keys, func(k *ledger.KeyRef) []byte { return keyHash(k.UserID, k.AppID, k.Key) })}
		l.transactions(keyedTransactions, args)
		l.reservations(keyedReservations, args)
	}
	if len(need.Grants) > 0 {
		apps, references := make([]string, len(need.Grants)), make([]string, len(need.Grants))
		for i, g := range need.Grants {
			apps[i], references[i] = g.AppID, g.Reference
		}
		l.transactions(grantedTransactions, pgx.NamedArgs{"apps": apps, "references": references})
	}
	if len(need.Transactions) > 0 {
		l.transactions(refundedTransaction, pgx.NamedArgs{"transactions": need.Transactions})
	}
	if len(need.Recent) > 0 {
		users, apps := make([]string, len(need.Recent)), make([]string, len(need.Recent))
		for i, r := range need.Recent {
			users[i], apps[i] = r.UserID, r.AppID
		}
		l.transactions(recentUsages, pgx.NamedArgs{"users": users, "apps": apps, "most": ledger.MaxRecent})
	}
}

// loader collects the statements of a load and where their rows go.
type loader struct {
	batch pgx.Batch
	out   ledger.Loaded
}

func (l *loader) each(query string, args pgx.NamedArgs, scan func(pgx.Rows) error) {
	l.batch.Queue(query, args).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (l *loader) reservations(query string, args pgx.NamedArgs) {
	l.each(query, args, func(rows pgx.Rows) error {
		var row reservationRow
		err := rows.Scan(row.into()...)
		l.out.Reservations = append(l.out.Reservations, row.get())
		return err
	})
}

func (l *loader) transactions(query string, args pgx.NamedArgs) {
	l.each(query, args, func(rows pgx.Rows) error {
		var (
			row  transactionRow
			back int64
		)
		err := rows.Scan(append([]any{&back}, row.into()...)...)
		t := row.get()
		l.out.Transactions = append(l.out.Transactions, t)
		if back > 0 {
			l.out.Refunded[t.ID] = back
		}
		return err
	})
}
