package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

var (
	// lockAccounts also says who may spend. That comes of the moment when the
	// statement began, before it waited for locks: whoever is shut out while it
	// waits comes after the batch, as if it had not waited.
	lockAccounts = named(`SELECT u.id IS NOT NULL, ` + creditAccountColumns + ` FROM auth.credit_accounts a
		LEFT JOIN auth.users u ON u.id = a.user_id AND u.deleted_at IS NULL AND u.disabled_at IS NULL
		WHERE a.user_id = ANY(@users::text[]) ORDER BY a.user_id FOR UPDATE OF a SKIP LOCKED`)
	// unlocked says of users whose account was not locked who is active, whether
	// there is an account, which another transaction holds then, and whether the
	// user was locked. Who makes an account holds its user, so that nobody waits
	// for an account that another transaction is making.
	unlocked = named(`WITH active AS (
			SELECT id FROM auth.users WHERE id = ANY(@users::text[]) AND deleted_at IS NULL AND disabled_at IS NULL
		), locked AS (
			SELECT u.id FROM auth.users u WHERE u.id = ANY(@users::text[]) AND u.deleted_at IS NULL AND u.disabled_at IS NULL
			ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED
		)
		SELECT k.id, u.id IS NOT NULL, a.user_id IS NOT NULL, l.id IS NOT NULL
		FROM unnest(@users::text[]) AS k (id) LEFT JOIN active u ON u.id = k.id
			LEFT JOIN auth.credit_accounts a ON a.user_id = k.id LEFT JOIN locked l ON l.id = k.id`)

	concernedReservations = named(`SELECT ` + reservationColumns + ` FROM auth.credit_reservations r
		WHERE r.id = ANY(@reservations::text[]::uuid[]) AND r.user_id = ANY(@users::text[])`)
	overdueReservations = named(`SELECT ` + reservationColumns + ` FROM unnest(@users::text[]) AS k (user_id) CROSS JOIN LATERAL (
			SELECT * FROM auth.credit_reservations o
			WHERE o.user_id = k.user_id AND o.state = 'open' AND o.expires_at <= @now
			ORDER BY o.expires_at LIMIT @most::bigint) r`)
	dueOfAccounts = named(`SELECT a.user_id, sum(r.amount)::bigint, sum(r.free)::bigint
		FROM auth.credit_accounts a JOIN auth.credit_reservations r ON r.user_id = a.user_id
		WHERE a.user_id = ANY(@users::text[]) AND r.state = 'open' AND r.expires_at <= @now
			AND r.expires_at > coalesce(a.returned_to, '-infinity') GROUP BY a.user_id`)

	keyedReservations   = named(`SELECT ` + reservationColumns + ` FROM auth.credit_reservations r WHERE r.key_hash = ANY(@keys::bytea[])`)
	keyedTransactions   = named(`SELECT ` + refunded + `, ` + transactionColumns + ` FROM auth.credit_transactions t WHERE t.key_hash = ANY(@keys::bytea[])`)
	grantedTransactions = named(`SELECT 0::bigint, ` + transactionColumns + `
		FROM unnest(@apps::text[], @references::text[]) AS k (app_id, reference) CROSS JOIN LATERAL (
			SELECT * FROM auth.credit_transactions v
			WHERE v.app_id = k.app_id AND v.reference_id = k.reference LIMIT 1) t`)  // and so never joined by reading all
	refundedTransaction = named(`SELECT ` + refunded + `, ` + transactionColumns + ` FROM auth.credit_transactions t
		WHERE t.id = ANY(@transactions::text[]::uuid[])`)
	recentUsages = named(`SELECT ` + refunded + `, ` + transactionColumns + `
		FROM unnest(@users::text[], @apps::text[]) AS k (user_id, app_id) CROSS JOIN LATERAL (
			SELECT * FROM auth.credit_transactions u
			WHERE u.user_id = k.user_id AND u.app_id = k.app_id AND u.type = 'usage' AND u.source = 'service'
			ORDER BY u.entry DESC LIMIT @most::bigint) t`)
)

const (
	reservationUsers = `SELECT unnest($1::text[])
		UNION SELECT user_id FROM auth.credit_reservations WHERE id = ANY($2::text[]::uuid[])`
	refunded = `(SELECT coalesce(sum(f.amount), 0)::bigint FROM auth.credit_transactions f WHERE f.refund_of = t.id)`
)

// load begins a transaction, locks the accounts that a batch concerns, but for
// those that another transaction holds, and reads what it has to know.
func load(ctx context.Context, connection *pgxpool.Conn, need ledger.Need) (ledger.Loaded, error) {
	l := loader{out: ledger.Loaded{Refunded: map[string]int64{}}}
	begin(&l.batch, txLockTime)
	users, err := l.concerned(ctx, connection, need)
	if err != nil {
		return ledger.Loaded{}, err
	}
	who := pgx.NamedArgs{"users": users, "reservations": need.Reservations, "now": at(need.Now), "most": ledger.MaxOverdue + 1}
	l.each(lockAccounts, who, func(rows pgx.Rows) error {
		var (
			row    creditAccountRow
			active bool
		)
		err := rows.Scan(append([]any{&active}, row.into()...)...)
		l.out.Accounts = append(l.out.Accounts, row.get())
		if active {
			l.out.Active = append(l.out.Active, row.account.UserID)
		}
		return err
	})
	var overdue ledger.Overdue
	l.reservations(overdueReservations, who, overdue.Add)
	if len(need.Reservations) > 0 {
		l.reservations(concernedReservations, who, l.add)
	}
	l.history(need)
	// Close hands every result to its function and returns the first error.
	if err := connection.SendBatch(ctx, &l.batch).Close(); err != nil {
		return l.out, err
	}
	kept, many := overdue.Bounded()
	l.out.Reservations = append(l.out.Reservations, kept...)
	if len(many) > 0 {
		who["users"] = many
		if err := l.due(ctx, connection, who); err != nil {
			return l.out, err
		}
	}
	if len(l.out.Accounts) == len(users) {
		return l.out, nil
	}
	return l.out, l.missing(ctx, connection, users)
}

// due adds up what overdue reservations hold, of users who have very many.
func (l *loader) due(ctx context.Context, connection *pgxpool.Conn, who pgx.NamedArgs) error {
	rows, err := connection.Query(ctx, dueOfAccounts.text, dueOfAccounts.values(who)...)
	if err != nil {
		return err
	}
	l.out.Due, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Due])
	return err
}

// concerned are the users of a batch: those named and those of the
// reservations. A reservation never changes its user, and so needs no lock.
func (l *loader) concerned(ctx context.Context, connection *pgxpool.Conn, need ledger.Need) (users []string, err error) {
	if len(need.Reservations) == 0 {
		return need.Users, nil
	}
	l.batch.Queue(reservationUsers, need.Users, need.Reservations).Query(func(rows pgx.Rows) error {
		users, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	err = connection.SendBatch(ctx, &l.batch).Close()
	l.batch = pgx.Batch{}
	return users, err
}

// missing tells of users whose account was not locked, who may get one from those
// that another transaction holds.
func (l *loader) missing(ctx context.Context, connection *pgxpool.Conn, users []string) error {
	found := make(map[string]bool, len(l.out.Accounts))
	for _, a := range l.out.Accounts {
		found[a.UserID] = true
	}
	others := slices.DeleteFunc(slices.Clone(users), func(user string) bool { return found[user] })
	rows, err := connection.Query(ctx, unlocked.text, unlocked.values(pgx.NamedArgs{"users": others})...)
	if err != nil {
		return err
	}
	var (
		user                    string
		active, account, locked bool
	)
	_, err = pgx.ForEachRow(rows, []any{&user, &active, &account, &locked}, func() error {
		switch {
		case account || active && !locked:
			l.out.Held = append(l.out.Held, user)
		case active:
			l.out.Active = append(l.out.Active, user)
		}
		return nil
	})
	return err
}

// history reads what a batch may repeat or refer to.
func (l *loader) history(need ledger.Need) {
	if len(need.Keys) > 0 {
		args := pgx.NamedArgs{"keys": keyHashes(need.Keys)}
		l.transactions(keyedTransactions, args)
		l.reservations(keyedReservations, args, l.add)
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

func (l *loader) each(query statement, args pgx.NamedArgs, scan func(pgx.Rows) error) {
	query.queue(&l.batch, args).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (l *loader) reservations(query statement, args pgx.NamedArgs, add func(ledger.Reservation)) {
	l.each(query, args, func(rows pgx.Rows) error {
		var row reservationRow
		err := rows.Scan(row.into()...)
		add(row.get())
		return err
	})
}

func (l *loader) add(r ledger.Reservation) { l.out.Reservations = append(l.out.Reservations, r) }

func (l *loader) transactions(query statement, args pgx.NamedArgs) {
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
