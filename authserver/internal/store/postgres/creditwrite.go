package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

// The statements take arrays, one for each column, and so write any number of
// rows at once.
const accountRows = `unnest(@updates::text[], @paid::bigint[], @free::bigint[], @held_paid::bigint[], @held_free::bigint[],
			@earned::bigint[], @given::bigint[], @spent::bigint[], @entries::bigint[], @days::int[],
			@returned::timestamptz[], @created::timestamptz[], @updated::timestamptz[])
		AS n (user_id, paid, free, held_paid, held_free, earned, given, spent, entries, day, returned, created, updated)`

var (
	addAccounts = named(`INSERT INTO auth.credit_accounts (user_id, paid, free, held_paid, held_free, earned, given, spent,
			entries, last_day, returned_to, created_at, updated_at)
		SELECT user_id, paid, free, held_paid, held_free, earned, given, spent,
			entries, DATE '1970-01-01' + day, returned, created, updated FROM ` + accountRows)
	setAccounts = named(`UPDATE auth.credit_accounts a SET paid = n.paid, free = n.free, held_paid = n.held_paid,
			held_free = n.held_free, earned = n.earned, given = n.given, spent = n.spent, entries = n.entries,
			last_day = DATE '1970-01-01' + n.day, returned_to = n.returned, updated_at = n.updated
		FROM ` + accountRows + ` WHERE a.user_id = n.user_id`)

	addTransactions = named(`INSERT INTO auth.credit_transactions (id, user_id, entry, type, source, amount, free, balance_before,
			balance_after, paid_after, free_after, spent_after, app_id, description, metadata, organization_id,
			idempotency_key, key_hash, body_hash, refund_of, reservation_id, reference_id, created_at)
		SELECT id::uuid, user_id, entry, type, source, amount, free, after - amount,
			after, paid_after, free_after, spent_after, app_id, description, metadata::json, organization_id,
			key, key_hash, body, refund_of::uuid, reservation_id::uuid, reference, created
		FROM unnest(@ids::text[], @users::text[], @entries::bigint[], @types::text[], @sources::text[], @amounts::bigint[],
			@free::bigint[], @after::bigint[], @paid_after::bigint[], @free_after::bigint[], @spent_after::bigint[],
			@apps::text[], @descriptions::text[], @metadata::text[], @organizations::text[], @keys::text[],
			@key_hashes::bytea[], @bodies::bytea[], @refunds::text[], @reservations::text[], @references::text[], @created::timestamptz[])
		AS n (id, user_id, entry, type, source, amount, free, after, paid_after, free_after, spent_after, app_id, description,
			metadata, organization_id, key, key_hash, body, refund_of, reservation_id, reference, created)`)

	addReservations = named(`INSERT INTO auth.credit_reservations (id, user_id, app_id, amount, free, reason, organization_id,
			idempotency_key, key_hash, body_hash, balance, created_at, expires_at, state, settled_at, charged, transaction_id, settled_balance)
		SELECT id::uuid, user_id, app_id, amount, free, reason, organization_id,
			key, key_hash, body, balance, created, expires, state, settled, charged, transaction_id::uuid, settled_balance
		FROM unnest(@ids::text[], @users::text[], @apps::text[], @amounts::bigint[], @free::bigint[], @reasons::text[],
			@organizations::text[], @keys::text[], @key_hashes::bytea[], @bodies::bytea[], @balances::bigint[], @created::timestamptz[],
			@expires::timestamptz[], @states::text[], @settled::timestamptz[], @charged::bigint[], @transactions::text[], @settled_balances::bigint[])
		AS n (id, user_id, app_id, amount, free, reason, organization_id, key, key_hash, body, balance, created, expires, state, settled,
			charged, transaction_id, settled_balance)`)
	settleReservations = named(`UPDATE auth.credit_reservations r SET state = n.state, settled_at = n.settled, charged = n.charged,
			transaction_id = n.transaction_id::uuid, settled_balance = n.settled_balance
		FROM unnest(@updates::text[], @states::text[], @settled::timestamptz[], @charged::bigint[], @transactions::text[], @settled_balances::bigint[])
		AS n (id, state, settled, charged, transaction_id, settled_balance)
		WHERE r.id = n.id::uuid AND r.state = 'open'`)

	addUsages = named(`INSERT INTO auth.credit_usage AS u (user_id, app_id, day, used, refunded, uses)
		SELECT user_id, app_id, DATE '1970-01-01' + day, used, refunded, uses
		FROM unnest(@users::text[], @apps::text[], @days::int[], @used::bigint[], @refunded::bigint[], @uses::bigint[])
		AS n (user_id, app_id, day, used, refunded, uses)
		ON CONFLICT (user_id, day, app_id) DO UPDATE SET
			used = u.used + excluded.used, refunded = u.refunded + excluded.refunded, uses = u.uses + excluded.uses`)
)

// errChanged means that a batch does not hold the locks that it has to.
var errChanged = errors.New("postgres: a row of the ledger is not as it was read")

// locked says whether the batch holds the locks of the accounts that it
// updates. An update of a row that is locked finds it.
func locked(loaded, updated []ledger.Account) bool {
	users := make(map[string]bool, len(loaded))
	for _, account := range loaded {
		users[account.UserID] = true
	}
	for _, account := range updated {
		if !users[account.UserID] {
			return false
		}
	}
	return true
}

// writeChanges stores what a batch changes and commits. Reservations have no
// locks of their own: COMMIT is sent once the database has said that each one
// that is settled was found open.
func writeChanges(ctx context.Context, connection *pgxpool.Conn, loaded ledger.Loaded, c ledger.Changes) error {
	if !locked(loaded.Accounts, c.Accounts) {
		return errChanged
	}
	batch := &pgx.Batch{}
	rows := func(query statement, n int, args func() pgx.NamedArgs) {
		if n > 0 {
			query.queue(batch, args())
		}
	}
	rows(addAccounts, len(c.NewAccounts), func() pgx.NamedArgs { return accountArgs(c.NewAccounts) })
	rows(setAccounts, len(c.Accounts), func() pgx.NamedArgs { return accountArgs(c.Accounts) })
	rows(addTransactions, len(c.Transactions), func() pgx.NamedArgs { return transactionArgs(c.Transactions) })
	rows(addReservations, len(c.NewReservations), func() pgx.NamedArgs { return reservationArgs(c.NewReservations) })
	rows(addUsages, len(c.Usages), func() pgx.NamedArgs { return usageArgs(c.Usages) })
	if len(c.Settled) > 0 {
		settleReservations.queue(batch, reservationArgs(c.Settled)).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != int64(len(c.Settled)) {
				return errChanged
			}
			return nil
		})
		// Close hands every result to its function and returns the first error.
		if err := connection.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		batch = &pgx.Batch{}
	}
	batch.Queue(`COMMIT`)
	return connection.SendBatch(ctx, batch).Close()
}

func accountArgs(rows []ledger.Account) pgx.NamedArgs {
	type row = *ledger.Account
	return pgx.NamedArgs{
		"updates":   column(rows, func(a row) string { return a.UserID }),
		"returned":  column(rows, func(a row) *time.Time { return at(a.ReturnedTo) }),
		"paid":      column(rows, func(a row) int64 { return a.Paid }),
		"free":      column(rows, func(a row) int64 { return a.Free }),
		"held_paid": column(rows, func(a row) int64 { return a.HeldPaid }),
		"held_free": column(rows, func(a row) int64 { return a.HeldFree }),
		"earned":    column(rows, func(a row) int64 { return a.Earned }),
		"given":     column(rows, func(a row) int64 { return a.Given }),
		"spent":     column(rows, func(a row) int64 { return a.Spent }),
		"entries":   column(rows, func(a row) int64 { return a.Entries }),
		"days":      column(rows, func(a row) int32 { return int32(a.Day) }),
		"created":   column(rows, func(a row) time.Time { return a.CreatedAt }),
		"updated":   column(rows, func(a row) time.Time { return a.UpdatedAt }),
	}
}

func transactionArgs(rows []ledger.Transaction) pgx.NamedArgs {
	type row = *ledger.Transaction
	return pgx.NamedArgs{
		"ids":           column(rows, func(t row) string { return t.ID }),
		"users":         column(rows, func(t row) string { return t.UserID }),
		"entries":       column(rows, func(t row) int64 { return t.Entry }),
		"types":         column(rows, func(t row) string { return string(t.Type) }),
		"sources":       column(rows, func(t row) string { return string(t.Source) }),
		"amounts":       column(rows, func(t row) int64 { return t.Amount }),
		"free":          column(rows, func(t row) int64 { return t.Free }),
		"after":         column(rows, func(t row) int64 { return t.After }),
		"paid_after":    column(rows, func(t row) int64 { return t.PaidAfter }),
		"free_after":    column(rows, func(t row) int64 { return t.FreeAfter }),
		"spent_after":   column(rows, func(t row) int64 { return t.SpentAfter }),
		"apps":          column(rows, func(t row) string { return t.AppID }),
		"descriptions":  column(rows, func(t row) string { return t.Description }),
		"metadata":      column(rows, func(t row) *string { return text(t.Metadata) }),
		"organizations": column(rows, func(t row) *string { return text(t.OrganizationID) }),
		"keys":          column(rows, func(t row) *string { return text(t.Key) }),
		"key_hashes":    column(rows, func(t row) []byte { return keyHash(t.UserID, t.AppID, t.Key) }),
		"bodies":        column(rows, func(t row) []byte { return hash(t.Body) }),
		"refunds":       column(rows, func(t row) *string { return text(t.RefundOf) }),
		"reservations":  column(rows, func(t row) *string { return text(t.ReservationID) }),
		"references":    column(rows, func(t row) *string { return text(t.Reference) }),
		"created":       column(rows, func(t row) time.Time { return t.CreatedAt }),
	}
}

func reservationArgs(rows []ledger.Reservation) pgx.NamedArgs {
	type row = *ledger.Reservation
	settled := func(v row, n *int64) *int64 {
		if v.State == ledger.Open || n == &v.Charged && v.State != ledger.Committed {
			return nil
		}
		return n
	}
	return pgx.NamedArgs{
		"ids":              column(rows, func(v row) string { return v.ID }),
		"updates":          column(rows, func(v row) string { return v.ID }),
		"users":            column(rows, func(v row) string { return v.UserID }),
		"apps":             column(rows, func(v row) string { return v.AppID }),
		"amounts":          column(rows, func(v row) int64 { return v.Amount }),
		"free":             column(rows, func(v row) int64 { return v.Free }),
		"reasons":          column(rows, func(v row) string { return v.Reason }),
		"organizations":    column(rows, func(v row) *string { return text(v.OrganizationID) }),
		"keys":             column(rows, func(v row) *string { return text(v.Key) }),
		"key_hashes":       column(rows, func(v row) []byte { return keyHash(v.UserID, v.AppID, v.Key) }),
		"bodies":           column(rows, func(v row) []byte { return hash(v.Body) }),
		"balances":         column(rows, func(v row) int64 { return v.Balance }),
		"created":          column(rows, func(v row) time.Time { return v.CreatedAt }),
		"expires":          column(rows, func(v row) time.Time { return v.ExpiresAt }),
		"states":           column(rows, func(v row) string { return string(v.State) }),
		"settled":          column(rows, func(v row) *time.Time { return at(v.SettledAt) }),
		"charged":          column(rows, func(v row) *int64 { return settled(v, &v.Charged) }),
		"transactions":     column(rows, func(v row) *string { return text(v.TransactionID) }),
		"settled_balances": column(rows, func(v row) *int64 { return settled(v, &v.SettledBalance) }),
	}
}

func usageArgs(rows []ledger.DayUsage) pgx.NamedArgs {
	type row = *ledger.DayUsage
	return pgx.NamedArgs{
		"users":    column(rows, func(u row) string { return u.UserID }),
		"apps":     column(rows, func(u row) string { return u.AppID }),
		"days":     column(rows, func(u row) int32 { return int32(u.Day) }),
		"used":     column(rows, func(u row) int64 { return u.Used }),
		"refunded": column(rows, func(u row) int64 { return u.Refunded }),
		"uses":     column(rows, func(u row) int64 { return u.Uses }),
	}
}
