package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/manacore/manacore-go/authserver/internal/ledger"
)

const (
	addCreditAccount = `INSERT INTO credit_accounts (paid, free, held_paid, held_free, earned, given, spent,
			entries, last_day, returned_to, created_at, updated_at, user_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	setCreditAccount = `UPDATE credit_accounts SET paid = ?, free = ?, held_paid = ?, held_free = ?, earned = ?, given = ?,
			spent = ?, entries = ?, last_day = ?, returned_to = ?, created_at = ?, updated_at = ? WHERE user_id = ?`
	addTransaction = `INSERT INTO credit_transactions (id, user_id, entry, type, source, amount, free, balance_before, balance_after,
			paid_after, free_after, spent_after, app_id, description, metadata, organization_id,
			idempotency_key, body_hash, refund_of, reservation_id, reference_id, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	addReservation = `INSERT INTO credit_reservations (id, user_id, app_id, amount, free, reason, organization_id, idempotency_key,
			body_hash, balance, created_at, expires_at, state, settled_at, charged, transaction_id, settled_balance)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	settleReservation = `UPDATE credit_reservations SET state = ?, settled_at = ?, charged = ?, transaction_id = ?, settled_balance = ?
		WHERE id = ? AND state = 'open'`
	addDayUsage = `INSERT INTO credit_usage (user_id, app_id, day, used, refunded, uses) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (user_id, day, app_id) DO UPDATE SET
			used = used + excluded.used, refunded = refunded + excluded.refunded, uses = uses + excluded.uses`
)

// writeChanges stores what a batch changes.
func writeChanges(ctx context.Context, tx *sql.Tx, c ledger.Changes) error {
	account := func(a ledger.Account) []any {
		return []any{a.Paid, a.Free, a.HeldPaid, a.HeldFree, a.Earned, a.Given, a.Spent,
			a.Entries, a.Day, millis(a.ReturnedTo), millis(a.CreatedAt), millis(a.UpdatedAt), a.UserID}
	}
	w := writer{ctx: ctx, tx: tx}
	forAll(&w, addCreditAccount, c.NewAccounts, account)
	forAll(&w, setCreditAccount, c.Accounts, account)
	forAll(&w, addTransaction, c.Transactions, transactionValues)
	forAll(&w, addReservation, c.NewReservations, reservationValues)
	forAll(&w, settleReservation, c.Settled, func(v ledger.Reservation) []any {
		return []any{string(v.State), millis(v.SettledAt), positive(v.Charged), text(v.TransactionID), settledBalance(v), v.ID}
	})
	forAll(&w, addDayUsage, c.Usages, func(u ledger.DayUsage) []any {
		return []any{u.UserID, u.AppID, u.Day, u.Used, u.Refunded, u.Uses}
	})
	return w.err
}

// writer keeps the first error.
type writer struct {
	ctx context.Context
	tx  *sql.Tx
	err error
}

// errChanged means that a row changed although the transaction holds the write
// lock.
var errChanged = errors.New("sqlite: a row of the ledger is not as it was read")

// forAll runs a statement for each item. It has to concern one row each time.
func forAll[T any](w *writer, query string, items []T, values func(T) []any) {
	if w.err != nil || len(items) == 0 {
		return
	}
	statement, err := w.tx.PrepareContext(w.ctx, query)
	if err != nil {
		w.err = err
		return
	}
	defer func() { w.err = errors.Join(w.err, statement.Close()) }()
	for _, item := range items {
		result, err := statement.ExecContext(w.ctx, values(item)...)
		if err != nil {
			w.err = err
			return
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			w.err = errors.Join(errChanged, err)
			return
		}
	}
}
